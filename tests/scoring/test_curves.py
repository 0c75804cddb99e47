"""Curves by hand and by law; groups count up to their cap, and know on which day that changes."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careline_scoring.model import NEVER, Fact
from careline_scoring.policy.score import Corner, Missing, Step, Tenure
from careline_scoring.rules import Rulebook
from careline_scoring.rules.curves import Segment, curve_of, segment

TODAY = 738_000
NOTHING = Missing(points=Decimal(0))


def line(*corners: tuple[int, str]) -> Tenure:
    made = tuple(Corner(at=at, points=Decimal(points)) for at, points in corners)
    return Tenure(measure="m", how="tenure", missing=NOTHING, line=made)


def steps(*given: tuple[int, str]) -> Tenure:
    made = tuple(Step(at_least=value, points=Decimal(points)) for value, points in given)
    return Tenure(measure="m", how="tenure", missing=NOTHING, steps=made)


@pytest.mark.parametrize(
    ("value", "points"),
    [
        pytest.param(9, 0, id="nothing below the first corner"),
        pytest.param(10, 200, id="at a corner exactly its points"),
        pytest.param(11, 233, id="a third of a point, rounded down"),
        pytest.param(13, 300, id="the next corner"),
        pytest.param(14, 266, id="downhill is rounded down, too"),
        pytest.param(99, 100, id="the last corner's from there on"),
    ],
)
def test_points_along_a_line(value: int, points: int) -> None:
    assert curve_of(line((10, "2"), (13, "3"), (19, "1")))(value) == points


def test_a_value_lies_on_a_segment() -> None:
    curve = curve_of(steps((10, "1"), (20, "2")))
    assert [segment(curve, value) for value in (9, 10, 20)] == [
        Segment(None, 10),
        Segment(10, 20),
        Segment(20, None),
    ]


heights = st.integers(0, 400).map(lambda hundredths: str(Decimal(hundredths) / 100))
corners = st.dictionaries(st.integers(0, 60), heights, min_size=2, max_size=5)


@given(shape=corners, value=st.integers(0, 70), straight=st.booleans())
def test_the_next_value_is_the_first_with_other_points(
    shape: dict[int, str], value: int, *, straight: bool
) -> None:
    curve = curve_of((line if straight else steps)(*sorted(shape.items())))
    others = (v for v in range(value + 1, 80) if curve(v) != curve(value))
    assert curve.next_value(value) == next(others, None)


@given(shape=corners, value=st.integers(0, 70), straight=st.booleans())
def test_down_to_the_floor_the_points_are_the_same(
    shape: dict[int, str], value: int, *, straight: bool
) -> None:
    curve = curve_of((line if straight else steps)(*sorted(shape.items())))
    floor = curve.floor(value)
    assert {curve(v) for v in range(0 if floor is None else floor, value + 1)} == {curve(value)}


def words(rulebook: Rulebook, *facts: tuple[str, int, int]) -> list[tuple[int, int]]:
    """Hundredths that count of answers and reviews, and in how many days they change."""
    history = rulebook.evidence.history(
        Fact(TODAY - ago, kind, "", times, 0) for kind, ago, times in facts
    )
    found = rulebook.readings(history, TODAY)[-2:]
    return [(r.points, 0 if r.change_day == NEVER else r.change_day - TODAY) for r in found]


ANSWER, POST = "answer.given", "post.published"


def test_a_group_counts_up_to_its_cap(rulebook: Rulebook) -> None:
    assert words(rulebook, (ANSWER, 5, 1), (POST, 5, 1)) == [(200, 360), (200, 360)]
    assert words(rulebook, (ANSWER, 5, 1), (POST, 5, 9)) == [(200, 360), (200, 360)]
    assert words(rulebook, (ANSWER, 5, 9), (POST, 5, 9)) == [(400, 360), (0, 0)]


def test_what_is_over_the_cap_counts_once_there_is_room(rulebook: Rulebook) -> None:
    # when the answers are a year old, the reviews are still there
    assert words(rulebook, (ANSWER, 300, 9), (POST, 5, 9)) == [(400, 65), (0, 65)]
    # nine reviews become four, which changes nothing while the answers fill the cap
    assert words(rulebook, (ANSWER, 5, 9), (POST, 300, 5), (POST, 9, 4)) == [(400, 360), (0, 0)]
