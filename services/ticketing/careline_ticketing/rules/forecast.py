"""Which open tickets will break their promise if nothing changes, and which one change helps most.

The queue is played through: whoever of a team can begin first takes its next ticket, in the order
of the lanes, and works on it for as long as such tickets took lately, in their own shift and
outside their leave. Nothing new arrives: it is a forecast for what is open now.
"""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import NamedTuple

from careline_calendar.intervals import Interval
from careline_calendar.working import AROUND_THE_CLOCK, MOMENT, Timetable
from careline_contracts.events.ticketing import Level

USUAL_MINUTES = 60
"""How long a ticket is worked on where none of its level was solved lately."""


class Work(NamedTuple):
    """An open ticket: whose it is, when its resolution is due, and its place in the queue."""

    ticket: str
    level: Level
    team: str
    due_at: datetime
    place: datetime


class Hand(NamedTuple):
    """Somebody who works: on which team's tickets (None: on all), when, and when not."""

    team: str | None
    timetable: Timetable
    away: tuple[Interval, ...] = ()

    def begins(self, free_at: datetime) -> datetime:
        """When they can take something on, if they are free from then."""
        return self.timetable.after(free_at, MOMENT, self.away) - MOMENT

    def done(self, begin: datetime, effort: timedelta) -> datetime:
        """When they have worked on it for so long."""
        return self.timetable.after(begin, effort, self.away)


class Ahead(NamedTuple):
    """When a ticket will be solved, as things stand; None if nobody works on such tickets."""

    ticket: str
    due_at: datetime
    solved_at: datetime | None

    @property
    def is_late(self) -> bool:
        return self.solved_at is None or self.solved_at > self.due_at


@dataclass(frozen=True)
class Remedy:
    """A change, and how many breaches it prevents."""

    change: str
    breaches: int
    prevented: int


_NOBODY = (datetime.max.replace(tzinfo=UTC), 0)
Order = Callable[[Work], tuple[datetime, str]]


def _by_place(work: Work) -> tuple[datetime, str]:
    return work.place, work.ticket


def _by_due(work: Work) -> tuple[datetime, str]:
    return work.due_at, work.ticket


def forecast(
    queue: Sequence[Work],
    staff: Sequence[Hand],
    effort: dict[Level, timedelta],
    as_of: datetime,
    order: Order = _by_place,
) -> list[Ahead]:
    """When each ticket will be solved, in the order in which they are taken on."""
    free: dict[str | None, list[tuple[datetime, int]]] = {None: []}
    for number, hand in enumerate(staff):
        free.setdefault(hand.team, []).append((hand.begins(as_of), number))
    for hands in free.values():
        heapq.heapify(hands)
    found = []
    for work in sorted(queue, key=order):
        hands = min(free.get(work.team, []), free[None], key=lambda some: some[:1] or [_NOBODY])
        if not hands:
            found.append(Ahead(work.ticket, work.due_at, None))
            continue
        begin, number = hands[0]
        solved_at = staff[number].done(begin, effort[work.level])
        heapq.heapreplace(hands, (staff[number].begins(solved_at), number))
        found.append(Ahead(work.ticket, work.due_at, solved_at))
    return found


def remedies(
    queue: Sequence[Work], staff: Sequence[Hand], effort: dict[Level, timedelta], as_of: datetime
) -> list[Remedy]:
    """Single changes, the one that prevents most first."""
    now = _late(forecast(queue, staff, effort, as_of))
    awake = [hand._replace(timetable=AROUND_THE_CLOCK) for hand in staff]
    tried = {
        "nearest_deadline_first": forecast(queue, staff, effort, as_of, _by_due),
        "work_around_the_clock": forecast(queue, awake, effort, as_of),
    }
    for more in _one_of_each_team(staff):
        name = f"one_more_agent_in_{more.team}" if more.team else "one_more_agent"
        tried[name] = forecast(queue, [*staff, more], effort, as_of)
    found = [Remedy(name, _late(ahead), now - _late(ahead)) for name, ahead in tried.items()]
    return sorted(found, key=lambda remedy: (-remedy.prevented, remedy.change))


def _one_of_each_team(staff: Sequence[Hand]) -> list[Hand]:
    """Somebody who is never away, in the shift of the team's first."""
    first: dict[str | None, Hand] = {}
    for hand in staff:
        first.setdefault(hand.team, hand._replace(away=()))
    return list(first.values())


def efforts(worked: dict[Level, list[timedelta]]) -> dict[Level, timedelta]:
    """How long tickets of each level took lately, in working time between taking on and solving."""
    usual = timedelta(minutes=USUAL_MINUTES)
    levels: tuple[Level, ...] = ("L1", "L2", "L3")
    return {
        level: timedelta(seconds=median(t.total_seconds() for t in worked[level]))
        if worked.get(level)
        else usual
        for level in levels
    }


def _late(ahead: Sequence[Ahead]) -> int:
    return sum(one.is_late for one in ahead)
