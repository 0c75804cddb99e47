"""When a desk is open, to the microsecond: working time between instants, and instants after it.

A desk is open while the clock on its wall reads a time inside one of the day's ranges. So an hour
that the clocks repeat in autumn is worked twice if it lies in a range, and one that they skip in
spring is not worked. Everything is computed on UTC intervals; nothing here knows the present.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from careline_calendar.intervals import Interval, clip, subtract, total

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
MOMENT = timedelta(microseconds=1)
"""The smallest step of time there is here."""
LONGEST_CLOSURE = timedelta(days=400)
"""A calendar without an hour of work in so long is a mistake, not a holiday."""


class Hours(NamedTuple):
    """A range on the wall clock, in minutes after midnight; the end is the first closed minute."""

    opens: int
    closes: int


class NeverOpen(ValueError):
    """The calendar has no working time within `LONGEST_CLOSURE`."""


class Timetable(ABC):
    """When somebody works. All else follows from the open intervals."""

    @abstractmethod
    def open_between(self, start: datetime, end: datetime) -> Iterator[Interval]:
        """The open intervals between two instants, in UTC, in order, disjoint."""

    def working_time(self, start: datetime, end: datetime) -> timedelta:
        """How much working time lies between two instants."""
        return total(self.open_between(start, end))

    def after(
        self, start: datetime, amount: timedelta, pauses: Iterable[Interval] = ()
    ) -> datetime:
        """The first instant by which `amount` of working time outside `pauses` has passed."""
        left, reached, holes = amount, start.astimezone(UTC), tuple(pauses)
        while True:
            horizon, before = reached + LONGEST_CLOSURE, left
            for worked in subtract(self.open_between(reached, horizon), holes):
                if left <= worked.length:
                    return worked.start + left
                left -= worked.length
            if left == before and not any(hole.end > horizon for hole in holes):
                raise NeverOpen(f"never open in the {LONGEST_CLOSURE.days} days after {reached}")
            reached = horizon

    def is_open(self, instant: datetime) -> bool:
        """Whether somebody works at this instant."""
        return any(self.open_between(instant, instant + MOMENT))

    def next_open(self, instant: datetime) -> datetime:
        """The first instant from this one on at which somebody works."""
        for worked in self.open_between(instant, instant + LONGEST_CLOSURE):
            return worked.start
        raise NeverOpen(f"never open in the {LONGEST_CLOSURE.days} days after {instant}")


class AroundTheClock(Timetable):
    """Always open: by day and by night, on every day."""

    def open_between(self, start: datetime, end: datetime) -> Iterator[Interval]:
        if start < end:
            yield Interval(start.astimezone(UTC), end.astimezone(UTC))


AROUND_THE_CLOCK = AroundTheClock()


class WorkingCalendar(Timetable):
    """Working hours of one desk in one time zone. `hours_on` says the ranges of a local date."""

    def __init__(self, zone: ZoneInfo, hours_on: Callable[[date], tuple[Hours, ...]]) -> None:
        self.zone = zone
        self.hours_on = hours_on
        self._open_on = lru_cache(maxsize=4_096)(self._open_on_utc_day)

    def open_between(self, start: datetime, end: datetime) -> Iterator[Interval]:
        start, end = start.astimezone(UTC), end.astimezone(UTC)
        days = range(start.toordinal(), end.toordinal() + 1)
        return clip((opened for day in days for opened in self._open_on(day)), start, end)

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
