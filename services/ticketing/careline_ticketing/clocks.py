"""Promises: when one is due, and what became of it, from timestamps alone.

A promise is kept if it was stopped at its due instant or before. It is late from the next
microsecond on: that is when the timer fires, so an answer on the dot is never called late.
Its time runs while its calendar is open and nobody is waited for whom it pauses for; there is no
other sum anywhere, so a pause is neither lost nor counted twice, whatever else changes.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from careline_calendar.intervals import Interval, subtract, total
from careline_calendar.working import MOMENT, Timetable
from careline_contracts.events.ticketing import Party
from careline_ticketing.model import Clock, Wait
from careline_ticketing.policy import Policy, Promise

Verdict = Literal["met", "missed", "running", "paused"]


def start(
    promise: Promise, at: datetime, round: int, policy: Policy, waits: Iterable[Wait]
) -> Clock:
    """The running clock of a promise given at `at`."""
    timetable = policy.timetable(promise.hours)
    due_at, paused_since = _due(at, promise.within, promise.pauses_for, timetable, waits)
    return Clock(
        target=promise.target,
        round=round,
        started_at=at,
        due_at=due_at,
        kept_by=promise.kept_by,
        within=promise.within,
        hours=promise.hours,
        pauses_for=promise.pauses_for,
        paused_since=paused_since,
    )


def set_due(clock: Clock, timetable: Timetable, waits: Iterable[Wait]) -> Clock:
    """The clock with the due instant, and the open pause, that these waits give it."""
    due_at, paused_since = _due(clock.started_at, clock.within, clock.pauses_for, timetable, waits)
    return replace(clock, due_at=due_at, paused_since=paused_since)


def given_at(clock: Clock, at: datetime) -> Clock:
    """The clock as one that was promised at `at`, after its start."""
    return replace(clock, given_at=at)


def stop(clock: Clock, at: datetime, timetable: Timetable, waits: Iterable[Wait]) -> Clock:
    """The clock stopped at `at`, which an open pause moved its due instant up to."""
    due_at = due_as_of(clock, waits, timetable, at)
    return replace(clock, due_at=due_at, stopped_at=at, paused_since=None)


def verdict(clock: Clock, as_of: datetime) -> Verdict:
    """What became of the promise, as known at `as_of`: never a matter of who looked when."""
    if clock.stopped_at is not None:
        return "missed" if clock.stopped_at > clock.due_at else "met"
    if clock.paused_since is not None:
        return "paused"
    return "missed" if as_of > clock.due_at else "running"


def late_seconds(clock: Clock, as_of: datetime) -> float:
    """By how much the promise was missed, on the wall clock; 0 for one that was not."""
    if verdict(clock, as_of) != "missed":
        return 0.0
    return ((clock.stopped_at or as_of) - clock.due_at).total_seconds()


def late_at(clock: Clock) -> datetime | None:
    """The instant at which the promise is broken if nothing happens; None if none is."""
    if clock.stopped_at is not None or clock.paused_since is not None:
        return None
    return clock.due_at + MOMENT


def due_as_of(
    clock: Clock, waits: Iterable[Wait], timetable: Timetable, as_of: datetime
) -> datetime:
    """When the promise is due if the open pause, if any, ends at `as_of`."""
    if clock.paused_since is None or as_of <= clock.paused_since:
        return clock.due_at
    return set_due(clock, timetable, ended(waits, as_of)).due_at


def share_at(clock: Clock, share: float, waits: Iterable[Wait], timetable: Timetable) -> datetime:
    """When this share of the promised time is used up, if nothing happens."""
    within = clock.within * share
    return _due(clock.started_at, within, clock.pauses_for, timetable, waits)[0]


def used(clock: Clock, waits: Iterable[Wait], timetable: Timetable, as_of: datetime) -> timedelta:
    """How much of the promised time was used up by its end, or by `as_of`."""
    end = clock.stopped_at or as_of
    worked = timetable.open_between(clock.started_at, max(end, clock.started_at))
    return total(subtract(worked, pauses(clock, waits, end)))


def pauses(clock: Clock, waits: Iterable[Wait], end: datetime) -> list[Interval]:
    """The times up to `end` that don't count for this clock."""
    mine = (Interval(w.since, w.until or end) for w in waits if w.party in clock.pauses_for)
    return [pause for pause in mine if pause.start < pause.end]


def ended(waits: Iterable[Wait], at: datetime) -> list[Wait]:
    """The waits with the open one, if any, ended at `at`."""
    return [wait if wait.until is not None else wait._replace(until=at) for wait in waits]


def _due(
    started_at: datetime,
    within: timedelta,
    pauses_for: Collection[Party],
    timetable: Timetable,
    waits: Iterable[Wait],
) -> tuple[datetime, datetime | None]:
    """When so much time is used up, and since when an open pause holds that up."""
    mine = [wait for wait in waits if wait.party in pauses_for]
    past = [Interval(w.since, w.until) for w in mine if w.until is not None and w.since < w.until]
    seen = [pause for pause in past if pause.end > started_at]
    due_at = timetable.after(started_at, within, seen)
    since = next((wait.since for wait in mine if wait.until is None), None)
    # time that was used up before the pause began does not come back by it
    if since is None or since >= due_at:
        return due_at, None
    return due_at, max(since, started_at)
