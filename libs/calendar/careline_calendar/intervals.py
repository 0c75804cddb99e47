"""Interval algebra: stretches of time cut, left out and measured.

Every function takes and gives intervals that are in order and disjoint, and takes no more of an
endless stream than it needs.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple


class Interval(NamedTuple):
    """Instants from `start` up to, not including, `end`."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        return self.end - self.start


def clip(intervals: Iterable[Interval], start: datetime, end: datetime) -> Iterator[Interval]:
    """What of `intervals` lies from `start` up to `end`."""
    for interval in intervals:
        if interval.start >= end:
            return
        clipped = Interval(max(interval.start, start), min(interval.end, end))
        if clipped.start < clipped.end:
            yield clipped


def subtract(intervals: Iterable[Interval], holes: Iterable[Interval]) -> Iterator[Interval]:
    """What of `intervals` lies in none of the `holes`."""
    rest = iter(holes)
    hole = next(rest, None)
    for start, end in intervals:
        while hole is not None and hole.start < end:
            if start < hole.start:
                yield Interval(start, hole.start)
            start = max(start, hole.end)
            if hole.end > end:
                break
            hole = next(rest, None)
        if start < end:
            yield Interval(start, end)


def total(intervals: Iterable[Interval]) -> timedelta:
    """How long they are together."""
    return sum((interval.length for interval in intervals), timedelta())
