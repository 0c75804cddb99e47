"""Which open tickets will break their promise if nothing changes, and which one change helps most.

The queue is played through: each agent takes the next ticket as soon as they are free, in the order
of the lanes, and works on it for as long as such tickets took lately. Nothing new arrives: it is a
forecast for what is open now.
"""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import NamedTuple

from careline_calendar.working import Timetable
from careline_contracts.events.ticketing import Level

USUAL_MINUTES = 60
"""How long a ticket is worked on where none of its level was solved lately."""


class Work(NamedTuple):
    """An open ticket: when its resolution is due, and its place in the queue."""

    ticket: str
    level: Level
    due_at: datetime
    place: datetime


class Ahead(NamedTuple):
    """When a ticket will be solved, as things stand."""

    ticket: str
    due_at: datetime
    solved_at: datetime

    @property
    def is_late(self) -> bool:
        return self.solved_at > self.due_at


@dataclass(frozen=True)
class Remedy:
    """A change, and how many breaches it prevents."""

    change: str
    breaches: int
    prevented: int


def forecast(
    queue: Sequence[Work],
    agents: int,
    effort: dict[Level, timedelta],
    timetable: Timetable,
    as_of: datetime,
    order: Callable[[Work], tuple[datetime, str]] = lambda work: (work.place, work.ticket),
) -> list[Ahead]:
    """When each ticket will be solved, in the order in which they are."""
    free = [as_of] * agents
    heapq.heapify(free)
    found = []
    for work in sorted(queue, key=order):
        begin = heapq.heappop(free)
        solved_at = timetable.after(begin, effort[work.level])
        heapq.heappush(free, solved_at)
        found.append(Ahead(work.ticket, work.due_at, solved_at))
    return found


def remedies(
    queue: Sequence[Work],
    agents: int,
    effort: dict[Level, timedelta],
    timetable: Timetable,
    always: Timetable,
    as_of: datetime,
) -> list[Remedy]:
    """Single changes, the one that prevents most first."""
    now = _late(forecast(queue, agents, effort, timetable, as_of))

    def by_due(work: Work) -> tuple[datetime, str]:
        return work.due_at, work.ticket

    tried = {
        "one_more_agent": forecast(queue, agents + 1, effort, timetable, as_of),
        "nearest_deadline_first": forecast(queue, agents, effort, timetable, as_of, by_due),
        "work_around_the_clock": forecast(queue, agents, effort, always, as_of),
    }
    found = [Remedy(name, _late(ahead), now - _late(ahead)) for name, ahead in tried.items()]
    return sorted(found, key=lambda remedy: (-remedy.prevented, remedy.change))


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
