"""Where the time of a promise went, line by line: the lines add up to the wall clock.

Each moment from the start to the end belongs to one line. Outside the calendar's hours nobody was
to work, so nobody is waited for either; inside them the time is the customer's or a third party's
while it is waited for, and else the team's that held the ticket.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal, NamedTuple

from careline_calendar.intervals import Interval
from careline_calendar.working import Timetable
from careline_ticketing.model import Clock, Step, Ticket, Wait

LineKind = Literal["working", "waiting", "outside_hours"]
NOBODY = "nobody"
"""Who works outside the hours."""
UNASSIGNED = "unassigned"


class Line(NamedTuple):
    """A stretch of a clock's time: what it was, whose it was, whether it counted."""

    start: datetime
    end: datetime
    kind: LineKind
    who: str
    counts: bool


def lines(clock: Clock, ticket: Ticket, timetable: Timetable, as_of: datetime) -> list[Line]:
    """The lines of `clock` from its start to its end, or to `as_of` while it has none."""
    end = clock.stopped_at or max(as_of, clock.started_at)
    opened = list(timetable.open_between(clock.started_at, end))
    holders = [step for step in ticket.steps if step.act == "assigned"]
    edges = {clock.started_at, end}
    edges.update(edge for interval in opened for edge in interval)
    edges.update(step.at for step in holders)
    edges.update(w.since for w in ticket.waits)
    edges.update(w.until for w in ticket.waits if w.until is not None)
    within = sorted(edge for edge in edges if clock.started_at <= edge <= end)
    parts = (
        _line(Interval(*pair), clock, opened, ticket.waits, holders) for pair in pairwise(within)
    )
    return list(_joined(parts))


def shares(found: Iterable[Line]) -> dict[str, timedelta]:
    """How much of the time was whose: customer, third party, each team, nobody."""
    parts: dict[str, timedelta] = {}
    for line in found:
        parts[line.who] = parts.get(line.who, timedelta()) + (line.end - line.start)
    return parts


def _line(
    part: Interval,
    clock: Clock,
    opened: Iterable[Interval],
    waits: Iterable[Wait],
    holders: Iterable[Step],
) -> Line:
    if not any(interval.start <= part.start < interval.end for interval in opened):
        return Line(*part, "outside_hours", NOBODY, counts=False)
    for party, since, until in waits:
        if since <= part.start and (until is None or part.start < until):
            return Line(*part, "waiting", party, counts=party not in clock.pauses_for)
    held = [step for step in holders if step.at <= part.start]
    who = (held[-1].team or held[-1].agent) if held else None
    return Line(*part, "working", who or UNASSIGNED, counts=True)


def _joined(parts: Iterable[Line]) -> Iterator[Line]:
    last: Line | None = None
    for part in parts:
        if last is not None and last[2:] == part[2:]:
            last = last._replace(end=part.end)
            continue
        if last is not None:
            yield last
        last = part
    if last is not None:
        yield last


def counted(found: Iterable[Line]) -> timedelta:
    """The time that counted."""
    return sum((line.end - line.start for line in found if line.counts), timedelta())
