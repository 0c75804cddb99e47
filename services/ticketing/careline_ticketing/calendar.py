"""When a desk is open, to the microsecond: working time between instants, and instants after it.

A desk is open while the clock on its wall reads a time inside one of the day's ranges. So an hour
that the clocks repeat in autumn is worked twice if it lies in a range, and one that they skip in
spring is not worked. Everything is computed on UTC intervals; nothing here knows the present.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
LONGEST_CLOSURE = timedelta(days=400)


class Hours(NamedTuple):
    """A range on the wall clock, in minutes after midnight; the end is the first closed minute."""

    opens: int
    closes: int


class Interval(NamedTuple):
    """Instants from `start` up to, not including, `end`."""

    start: datetime
    end: datetime


class NeverOpen(ValueError):
    """The calendar has no working time within `LONGEST_CLOSURE`."""


class WorkingCalendar:
    """Working hours of one desk in one time zone. `hours_on` says the ranges of a local date."""

    def __init__(self, zone: ZoneInfo, hours_on: Callable[[date], tuple[Hours, ...]]) -> None:
        self.zone = zone
        self.hours_on = hours_on
        self._open_on = lru_cache(maxsize=4_096)(self._open_on_utc_day)

    def open_between(self, start: datetime, end: datetime) -> Iterator[Interval]:
        """The open intervals between two instants, in order, disjoint."""
        start, end = start.astimezone(UTC), end.astimezone(UTC)
        for day in range(start.toordinal(), end.toordinal() + 1):
            for opened in self._open_on(day):
                clipped = Interval(max(opened.start, start), min(opened.end, end))
                if clipped.start < clipped.end:
                    yield clipped

    def working_time(self, start: datetime, end: datetime) -> timedelta:
        """How long the desk is open between two instants."""
        intervals = self.open_between(start, end)
        return sum((interval.end - interval.start for interval in intervals), timedelta())

    def after(self, start: datetime, amount: timedelta) -> datetime:
        """The first instant by which `amount` of working time has passed since `start`."""
        left, reached = amount, start.astimezone(UTC)
        while True:
            horizon, before = reached + LONGEST_CLOSURE, left
            for interval in self.open_between(reached, horizon):
                length = interval.end - interval.start
                if left <= length:
                    return interval.start + left
                left -= length
            if left == before:
                raise NeverOpen(f"never open in the {LONGEST_CLOSURE.days} days after {reached}")
            reached = horizon

    def _open_on_utc_day(self, day: int) -> tuple[Interval, ...]:
        midnight = datetime.fromordinal(day).replace(tzinfo=UTC)
        return tuple(
            opened
            for stretch in self._steady(Interval(midnight, midnight + DAY))
            for opened in self._open_in(stretch)
        )

    def _steady(self, day: Interval) -> list[Interval]:
        """`day`, cut where the zone's offset changes (once at most)."""
        first = self._offset(day.start)
        if self._offset(day.end - SECOND) == first:
            return [day]
        same, changed = day.start, day.end - SECOND
        while changed - same > SECOND:
            middle = same + (changed - same) // 2 // SECOND * SECOND
            if self._offset(middle) == first:
                same = middle
            else:
                changed = middle
        return [Interval(day.start, changed), Interval(changed, day.end)]

    def _open_in(self, stretch: Interval) -> Iterator[Interval]:
        """The open intervals of a stretch with one offset: there the wall clock runs steadily."""
        offset = self._offset(stretch.start)
        local = (stretch.start + offset).date()
        while datetime.combine(local, datetime.min.time(), UTC) - offset < stretch.end:
            midnight = datetime.combine(local, datetime.min.time(), UTC) - offset
            for hours in self.hours_on(local):
                start = max(stretch.start, midnight + timedelta(minutes=hours.opens))
                end = min(stretch.end, midnight + timedelta(minutes=hours.closes))
                if start < end:
                    yield Interval(start, end)
            local += DAY

    def _offset(self, instant: datetime) -> timedelta:
        return instant.astimezone(self.zone).utcoffset() or timedelta()
