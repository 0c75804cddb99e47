"""The exceptional days that an iCalendar file lists, as `years` of a calendar.

An all-day event is a closed day. It is a make-up working day where the event says so: by Apple's
`X-APPLE-SPECIAL-DAY`, which the Chinese holiday feed of every iPhone carries, or by its title.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from dateutil.rrule import rrulestr
from icalendar import Calendar as ICalendar
from icalendar import Event

from careline_calendar.definition import Exceptions

DAY = timedelta(days=1)
_MAKE_UP_TITLE = re.compile(r"补班|[（(]班[）)]|make-?up|working day", re.IGNORECASE)


class NotICalendar(ValueError):
    """The text is no iCalendar file."""


def years_of(text: str, *, first: int, last: int) -> dict[int, Exceptions]:
    """The exceptional days of these years, each under its year; raises `NotICalendar`."""
    try:
        events = [e for e in ICalendar.from_ical(text).walk("VEVENT") if isinstance(e, Event)]
    except ValueError as error:
        raise NotICalendar(str(error)) from error
    make_up, closed = set[date](), set[date]()
    for event in events:
        days = make_up if _is_make_up(event) else closed
        days.update(day for day in _days(event, last) if first <= day.year <= last)
    # who lists a day as both has moved a working day onto a holiday's weekend
    closed -= make_up
    return {
        year: Exceptions(
            closed=frozenset(day for day in closed if day.year == year),
            make_up=frozenset(day for day in make_up if day.year == year),
        )
        for year in range(first, last + 1)
        if any(day.year == year for day in closed | make_up)
    }


def _is_make_up(event: Event) -> bool:
    special = str(event.get("X-APPLE-SPECIAL-DAY", ""))
    return special == "ALTERNATE-WORKDAY" or bool(_MAKE_UP_TITLE.search(str(event.get("SUMMARY"))))


def _days(event: Event, last: int) -> Iterator[date]:
    """The dates of an all-day event, with its repetitions up to the year `last`."""
    start = event.start
    if isinstance(start, datetime):
        return
    length = max(1, (event.end - start).days)
    for begin in _beginnings(event, start, last):
        for day in range(length):
            yield begin + day * DAY


def _beginnings(event: Event, start: date, last: int) -> Iterator[date]:
    if "RRULE" not in event:
        yield start
        return
    noon = datetime(start.year, start.month, start.day, 12)  # noqa: DTZ001 (a date, not an instant)
    for repeated in rrulestr(_rule(event), dtstart=noon):
        if repeated.year > last:
            return
        yield repeated.date()


def _rule(event: Event) -> str:
    rule = event["RRULE"].to_ical()
    return rule.decode() if isinstance(rule, bytes) else str(rule)
