"""Promises: when one is due, and what became of it, from timestamps alone.

A promise is kept if it was stopped at its due instant or before. It is late from the next
microsecond on: that is when the timer fires, so an answer on the dot is never called late.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from careline_calendar.working import WorkingCalendar
from careline_ticketing.model import Clock
from careline_ticketing.policy import Promise

Verdict = Literal["met", "missed", "running"]

MOMENT = timedelta(microseconds=1)
"""The smallest step of time there is here."""


def due_at(promise: Promise, started_at: datetime, calendar: WorkingCalendar) -> datetime:
    """When `promise` must be kept if it starts at `started_at`."""
    if promise.hours == "around_the_clock":
        return started_at.astimezone(UTC) + promise.within
    return calendar.after(started_at, promise.within)


def start(promise: Promise, at: datetime, round: int, calendar: WorkingCalendar) -> Clock:
    """The running clock of a promise given at `at`."""
    return Clock(promise.target, round, at, due_at(promise, at, calendar), promise.kept_by)


def stop(clock: Clock, at: datetime) -> Clock:
    """The clock stopped at `at`, unless it was before."""
    return clock if clock.stopped_at is not None else replace(clock, stopped_at=at)


def verdict(clock: Clock, as_of: datetime) -> Verdict:
    """What became of the promise, as known at `as_of`: never a matter of who looked when."""
    if (clock.stopped_at or as_of) > clock.due_at:
        return "missed"
    return "running" if clock.stopped_at is None else "met"


def late_seconds(clock: Clock, as_of: datetime) -> float:
    """By how much the promise was missed, on the wall clock; 0 for one that was not."""
    late = (clock.stopped_at or as_of) - clock.due_at
    return max(0.0, late.total_seconds())


def late_at(clock: Clock) -> datetime | None:
    """The instant at which the promise is broken if nothing happens; None once it was stopped."""
    return clock.due_at + MOMENT if clock.stopped_at is None else None
