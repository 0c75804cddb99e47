"""Who is to work on a ticket: by team, skill, load, shift and leave; nobody starves (SLA-3).

The queue is served in the order of opening, with a head start for grave levels, worthy tiers and
special care: a head start is a time, so whoever has waited longer than it comes first all the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from careline_calendar.working import NeverOpen
from careline_contracts.events.ticketing import Level, TicketKind
from careline_ticketing.policy import Agent, Policy


class Waiting(NamedTuple):
    """A ticket that needs somebody."""

    ticket: str
    kind: TicketKind
    level: Level
    category: str
    product: str | None
    opened_at: datetime
    tier: str | None
    account_manager: str | None = None
    care: Sequence[str] = ()


class Turn(NamedTuple):
    """How busy an agent is, and since when it has been their turn."""

    load: int
    last_at: datetime


class Assignment(NamedTuple):
    """A ticket, and who is to work on it; nobody fits if `agent` is None."""

    ticket: str
    team: str
    agent: str | None


def assign(
    queue: Iterable[Waiting], turns: Mapping[str, Turn], policy: Policy, as_of: datetime
) -> list[Assignment]:
    """Who takes which ticket now, one after the other in the order of the queue."""
    present = {
        name: agent for name, agent in policy.agents.items() if is_there(agent, policy, as_of)
    }
    busy = dict(turns)
    found = []
    for number, ticket in enumerate(sorted(queue, key=lambda one: served(one, policy))):
        team = policy.team_of(ticket.kind)
        free = {name: agent for name, agent in present.items() if busy[name].load < agent.capacity}
        name = _account_manager(ticket, free, policy) or _pick(ticket, team, free, busy)
        if name is not None:
            team = present[name].team
            # those of one instant take turns in the order in which they were served
            last_at = as_of + timedelta(microseconds=number)
            busy[name] = Turn(busy[name].load + 1, last_at)
        found.append(Assignment(ticket.ticket, team, name))
    return found


def served(ticket: Waiting, policy: Policy) -> tuple[datetime, str]:
    """Its place in the queue."""
    lanes = policy.lanes
    hours = lanes.level_hours.get(ticket.level, 0) + lanes.tier_hours.get(ticket.tier or "", 0)
    hours += max((lanes.care_hours.get(care, 0) for care in ticket.care), default=0)
    return ticket.opened_at - timedelta(hours=hours), ticket.ticket


def is_there(agent: Agent, policy: Policy, at: datetime) -> bool:
    """Whether the agent's shift is on, and no leave."""
    return policy.timetable(agent.hours).is_open(at) and not is_on_leave(agent, policy, at)


def is_on_leave(agent: Agent, policy: Policy, at: datetime) -> bool:
    """Whether somebody else must take over what the agent holds."""
    if agent.is_absent:
        return True
    today = at.astimezone(policy.zone_of(agent.hours)).date()
    return any(leave.first <= today <= leave.last for leave in agent.leave)


def next_shift(policy: Policy, as_of: datetime) -> datetime | None:
    """The first instant after `as_of` at which somebody's shift or leave begins or ends."""
    instants: list[datetime] = []
    for agent in policy.agents.values():
        instants += _shift(agent, policy, as_of)
        instants += agent.boundaries(policy.zone_of(agent.hours))
    return min((instant for instant in instants if instant > as_of), default=None)


def _shift(agent: Agent, policy: Policy, as_of: datetime) -> Sequence[datetime]:
    timetable = policy.timetable(agent.hours)
    if timetable.is_open(as_of):
        return ()
    try:
        return (timetable.next_open(as_of),)
    except NeverOpen:
        return ()


def _account_manager(ticket: Waiting, free: Mapping[str, Agent], policy: Policy) -> str | None:
    theirs = ticket.kind in policy.account_manager.takes and ticket.account_manager in free
    return ticket.account_manager if theirs else None


def _pick(
    ticket: Waiting, team: str, free: Mapping[str, Agent], busy: Mapping[str, Turn]
) -> str | None:
    fit = [name for name, agent in free.items() if agent.team == team]
    skilled = [name for name in fit if free[name].skills & {ticket.category, ticket.product}]
    return min(
        skilled or fit,
        key=lambda name: (busy[name].load / free[name].capacity, busy[name].last_at, name),
        default=None,
    )
