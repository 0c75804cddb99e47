"""Gives waiting tickets to agents: under row locks, and as facts, so that a replay knows them.

Who takes a ticket depends on how busy everybody is at that instant, which no customer's facts can
say; so the choice itself is said on `careline.ticket-actions.v1`, like what people do.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from careline_contracts.envelope import Envelope
from careline_contracts.events.ticketing import (
    TicketActed,
    TicketClosed,
    TicketOpened,
    TicketReopened,
    TicketResolved,
)
from careline_runtime.unit_of_work import Unit
from careline_ticketing import metrics
from careline_ticketing.desk import Decision
from careline_ticketing.model import Ticket
from careline_ticketing.policy import Policy
from careline_ticketing.rules.assignment import (
    Assignment,
    Waiting,
    assign,
    is_on_leave,
    next_shift,
)
from careline_ticketing.store import turns as store
from careline_ticketing.store.turns import Place

ASSIGN = "assign"
"""Kind of the timer; there is one queue."""
QUEUE = "queue"
BY = "careline"

Acted = tuple[Envelope, TicketActed]


def watch(unit: Unit, decision: Decision, policy: Policy) -> None:
    """Somebody may be needed, or free: the queue is looked at, at once."""
    moves = (TicketOpened, TicketReopened, TicketResolved, TicketClosed)
    if policy.agents and any(change.event in moves for change in decision.changes):
        unit.set_timer(ASSIGN, QUEUE, decision.as_of)


async def serve(unit: Unit, policy: Policy, as_of: datetime) -> list[Acted]:
    """Who takes which ticket of the queue; what nobody takes is looked at with the next shift."""
    turns = await store.turns(unit.connection, sorted(policy.agents))
    away = [name for name, agent in policy.agents.items() if is_on_leave(agent, policy, as_of)]
    places = {place.said.ticket.id: place for place in await store.queue(unit.connection, away)}
    queue = [_waiting(place.said.ticket, place.tier) for place in places.values()]
    found = assign(queue, turns, policy, as_of)
    given = [one for one in found if one.agent is not None]
    await store.take_turns(unit.connection, [one.agent for one in given if one.agent], as_of)
    nobody = [one for one in found if one.agent is None]
    newly = _newly_unassignable(nobody, places, policy, as_of)
    unit.set_timer(ASSIGN, QUEUE, next_shift(policy, as_of))
    unit.after_commit(lambda: metrics.unassignable.set(len(nobody)))
    return [_acted(one, places[one.ticket], as_of) for one in (*given, *newly)]


def _waiting(ticket: Ticket, tier: str | None) -> Waiting:
    about = (ticket.category, ticket.product, ticket.opened_at)
    return Waiting(ticket.id, ticket.kind, ticket.level, *about, tier)


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
    # what was heard of the customer in the meantime came before
    said, at = place.said, max(as_of, place.as_of)
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
