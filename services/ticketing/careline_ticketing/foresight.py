"""The queue played through with today's agents: what will be late, and what would help."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from careline_calendar.intervals import Interval
from careline_calendar.working import Timetable
from careline_contracts.events.ticketing import Level
from careline_ticketing import assignments, queries
from careline_ticketing.model import Said, Ticket
from careline_ticketing.policy import Agent, Policy
from careline_ticketing.rules.assignment import Waiting, served
from careline_ticketing.rules.forecast import Ahead, Hand, Remedy, Work, efforts, forecast, remedies
from careline_ticketing.store.agents import agents as known_agents


class Foresight(NamedTuple):
    """The queue, who works on it, and what comes of it if nothing changes."""

    queue: Sequence[Work]
    staff: Sequence[Hand]
    effort: dict[Level, timedelta]
    as_of: datetime

    @property
    def played(self) -> list[Ahead]:
        """When each ticket will be solved."""
        return forecast(self.queue, self.staff, self.effort, self.as_of)

    @property
    def remedies(self) -> list[Remedy]:
        """What would help most."""
        return remedies(self.queue, self.staff, self.effort, self.as_of)


async def foresight(
    connection: AsyncConnection, policy: Policy, as_of: datetime, agents: int | None = None
) -> Foresight:
    """With those who work here; with a number, with so many who do everything."""
    in_work = await queries.in_work(connection)
    solved = await queries.solved_lately(connection)
    policy = assignments.staffed(policy, await known_agents(connection))
    timetable = policy.timetable(policy.digests.hours)
    staff = [_hand(agent, policy) for agent in policy.agents.values() if not agent.is_absent]
    if agents or not staff:
        staff = [Hand(None, timetable)] * (agents or 1)
    queue = [work for said in in_work if (work := _work(said.ticket, policy))]
    return Foresight(queue, staff, efforts(_worked(solved, timetable)), as_of)


def _hand(agent: Agent, policy: Policy) -> Hand:
    boundaries = agent.boundaries(policy.zone_of(agent.hours))
    away = tuple(
        Interval(first, after) for first, after in zip(boundaries, boundaries, strict=True)
    )
    return Hand(agent.team, policy.timetable(agent.hours), away)


def _work(ticket: Ticket, policy: Policy) -> Work | None:
    dues = [c.due_at for c in ticket.clocks if c.target == "resolution" and c.stopped_at is None]
    if not dues:
        return None
    waiting = Waiting(
        ticket.id,
        ticket.kind,
        ticket.level,
        ticket.category,
        ticket.product,
        ticket.opened_at,
        None,
    )
    holder = ticket.holder
    team = (holder and holder.team) or policy.team_of(ticket.kind)
    return Work(ticket.id, ticket.level, team, max(dues), served(waiting, policy)[0])


def _worked(solved: list[Said], timetable: Timetable) -> dict[Level, list[timedelta]]:
    worked: dict[Level, list[timedelta]] = {}
    for said in solved:
        ticket = said.ticket
        taken_on = next((s.at for s in ticket.steps if s.act in ("assigned", "responded")), None)
        if taken_on is not None and ticket.resolved_at is not None:
            spent = timetable.working_time(taken_on, ticket.resolved_at)
            worked.setdefault(ticket.level, []).append(spent)
    return worked
