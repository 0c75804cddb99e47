"""Whether deadlines in working hours can be met: a step must fall due before its case is over.

A window counts days, a working calendar has holidays. What begins at the close of the last desk
before a long one has the most days until its deadline; that one is looked for.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from careline_calendar.definition import Calendar
from careline_calendar.working import NeverOpen
from careline_engagement.policy.playbook import Playbook
from careline_engagement.policy.steps import Obligation, WaitUntil

YEARS_BACK = 3
"""Holidays fall differently each year; so many of the latest that are known are tried."""
ANY_YEAR = 2024
"""For a calendar without holidays, whose weeks are all alike."""


def late_deadlines(
    playbook: Playbook, calendars: Mapping[str, Calendar]
) -> Iterator[tuple[int, str]]:
    """Steps whose calendar is none, is never open, or has a deadline after the window."""
    for n, step in enumerate(playbook.steps):
        if not isinstance(step, Obligation | WaitUntil) or step.calendar is None:
            continue
        calendar = calendars.get(step.calendar)
        if calendar is None:
            yield n, f"step {step.step}: there is no calendar {step.calendar}"
            continue
        within = step.within if isinstance(step, Obligation) else timedelta(0)
        try:
            begun, due = _longest(calendar, within)
        except NeverOpen as error:
            yield n, f"step {step.step}: calendar {step.calendar} is {error}"
            continue
        if playbook.reached[step.step] + (due - begun) >= playbook.window:
            yield (
                n,
                f"step {step.step}, begun when {step.calendar} closes on {begun:%Y-%m-%d}, falls "
                f"due on {due:%Y-%m-%d}, after the window has ended",
            )


def _longest(calendar: Calendar, within: timedelta) -> tuple[datetime, datetime]:
    """From the close of which day on it takes longest until so much working time has passed."""
    working = calendar.working
    closes = [
        opened.end
        for year in _years(calendar)
        for opened in working.open_between(
            datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
        )
    ]
    if not closes:
        raise NeverOpen(f"never open in {max(_years(calendar))}")
    spans = ((begun, working.after(begun, within)) for begun in closes)
    begun, due = max(spans, key=lambda span: span[1] - span[0])
    zone = working.zone
    return begun.astimezone(zone), due.astimezone(zone)


def _years(calendar: Calendar) -> set[int]:
    known = calendar.holidays.known_through
    recent = range(known - YEARS_BACK + 1, known + 1) if known else [ANY_YEAR]
    return {*recent, *calendar.years}
