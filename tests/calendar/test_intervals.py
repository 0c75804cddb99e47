"""The algebra of intervals agrees with sets of minutes."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from careline_calendar.intervals import Interval, clip, subtract, total

START = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def spans(edges: Iterable[int]) -> list[Interval]:
    instants = [START + edge * MINUTE for edge in sorted(edges)]
    return [Interval(a, b) for a, b in zip(instants[::2], instants[1::2], strict=False)]


any_spans = st.sets(st.integers(0, 40), max_size=12).map(spans)


def minutes(intervals: Iterable[Interval]) -> set[int]:
    """Which minutes lie in the intervals, which are in order and disjoint."""
    found = list(intervals)
    assert all(interval.start < interval.end for interval in found)
    assert all(one.end <= other.start for one, other in pairwise(found))
    return {m for m in range(60) if any(s <= START + m * MINUTE < e for s, e in found)}


@given(any_spans, any_spans)
def test_what_lies_in_one_and_not_in_the_other(
    ones: list[Interval], others: list[Interval]
) -> None:
    assert minutes(subtract(ones, others)) == minutes(ones) - minutes(others)


@given(any_spans, st.integers(0, 40), st.integers(0, 40))
def test_what_lies_within(ones: list[Interval], start: int, end: int) -> None:
    found = clip(ones, START + start * MINUTE, START + end * MINUTE)

    assert minutes(found) == minutes(ones) & set(range(start, end))


@given(any_spans)
def test_the_minutes_add_up(ones: list[Interval]) -> None:
    assert total(ones) == len(minutes(ones)) * MINUTE
