"""Gives waiting tickets to agents: under row locks, and as facts, so that a replay knows them.

Who takes a ticket depends on how busy everybody is at that instant, which no customer's facts can
say; so the choice itself is said on `careline.ticket-actions.v1`, like what people do.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from careline_calendar.working import MOMENT
from careline_contracts.envelope import Envelope
from careline_contracts.events.ticketing import (
    AgentState,
    TicketActed,
    TicketClosed,
    TicketOpened,
    TicketReopened,
    TicketResolved,
)
from careline_runtime.unit_of_work import Unit
from careline_ticketing.desk import Decision
from careline_ticketing.policy import Agent, Leave, Policy
from careline_ticketing.rules.assignment import (
    Assignment,
    Waiting,
    assign,
    is_on_leave,
    next_shift,
)
from careline_ticketing.store import turns as store
from careline_ticketing.store.agents import agents
from careline_ticketing.store.turns import Place

ASSIGN = "assign"
"""Kind of the timer; there is one queue."""
QUEUE = "queue"
BY = "careline"
MOVES = (TicketOpened, TicketReopened, TicketResolved, TicketClosed)
"""By these somebody is needed, or free."""

Acted = tuple[Envelope, TicketActed]


def watch(unit: Unit, decision: Decision) -> None:
    """Somebody may be needed, or free: the queue is looked at, at once."""
    if any(change.event in MOVES for change in decision.changes):
        look(unit, decision.as_of)


def look(unit: Unit, at: datetime) -> None:
    """Somebody came or went, or a ticket did: the queue is looked at then."""
    unit.set_timer(ASSIGN, QUEUE, at)


async def serve(unit: Unit, policy: Policy, as_of: datetime) -> list[Acted]:
    """Who takes which ticket of the queue; what nobody takes is looked at with the next shift."""
    known = await agents(unit.connection)
    policy = staffed(policy, known)
    if not (policy.agents or known):
        return []
    turns = await store.turns(unit.connection, sorted(policy.agents))
    away = [name for name, agent in policy.agents.items() if is_on_leave(agent, policy, as_of)]
    away += [name for name, agent in known.items() if agent.is_gone]
    found_places = await store.queue(unit.connection, away, policy.lanes)
    places = {place.said.ticket.id: place for place in found_places}
    queue = [_waiting(place) for place in places.values()]
    found = assign(queue, turns, policy, as_of)
    given = [one for one in found if one.agent is not None]
    await store.take_turns(unit.connection, [one.agent for one in given if one.agent], as_of)
    nobody = [one for one in found if one.agent is None]
    newly = _newly_unassignable(nobody, places, policy, as_of)
    is_cut = len(places) >= store.AT_ONCE and given
    unit.set_timer(ASSIGN, QUEUE, as_of if is_cut else next_shift(policy, as_of))
    return [_acted(one, places[one.ticket], as_of) for one in (*given, *newly)]


def staffed(policy: Policy, known: Mapping[str, AgentState]) -> Policy:
    """The policy with the agents as supervisors have them, who win over its own list."""
    working = {one.agent: as_agent(one) for one in known.values() if not one.is_gone}
    others = {name: agent for name, agent in policy.agents.items() if name not in known}
    return policy.model_copy(update={"agents": {**others, **working}})


def as_agent(state: AgentState) -> Agent:
    """An agent as the rules see one."""
    return Agent(
        team=state.team,
        skills=frozenset(state.skills),
        capacity=state.capacity,
        hours=state.hours,
        leave=tuple(Leave(first=one.first, last=one.last) for one in state.leave),
        is_absent=state.is_absent,
    )


def _waiting(place: Place) -> Waiting:
    ticket = place.said.ticket
    about = (ticket.category, ticket.product, ticket.opened_at)
    whose = (place.tier, place.account_manager, place.care)
    return Waiting(ticket.id, ticket.kind, ticket.level, *about, *whose)


def _newly_unassignable(
    nobody: Sequence[Assignment], places: Mapping[str, Place], policy: Policy, as_of: datetime
) -> list[Assignment]:
    """What nobody can take and the team's on-call does not know yet.

    By night most tickets wait for the morning: only what is told at once is called for then.
    """
    is_day = policy.timetable(policy.digests.hours).is_open(as_of)
    tickets = ((one, places[one.ticket].said.ticket) for one in nobody)
    return [
        one
        for one, ticket in tickets
        if ticket.unassignable_since is None and (is_day or ticket.level in policy.digests.at_once)
    ]


def _acted(one: Assignment, place: Place, as_of: datetime) -> Acted:
    # all that was decided of the customer came before, at this very instant, too
    said, at = place.said, max(as_of, place.as_of + MOMENT)
    act = "unassignable" if one.agent is None else "assigned"
    acted = TicketActed(
        customer=said.customer,
        identity=said.identity,
        act=f"issue.{act}",
        by=BY,
        ticket=one.ticket,
        agent=one.agent,
        team=one.team,
    )
    envelope = Envelope(
        id=f"{one.ticket} {act} {said.version}",
        source="/careline/ticketing",
        type=acted.type,
        occurred_at=at,
        recorded_at=at,
        key=said.customer,
    )
    return envelope, acted
