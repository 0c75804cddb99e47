"""How a decision about a ticket reads to others: its changes, and its state."""

from collections.abc import Iterator
from typing import NamedTuple

from careline_contracts.events.ticketing import Clock, Party, Rating, TicketChange, TicketState
from careline_ticketing.desk import Decision
from careline_ticketing.model import Said, Ticket
from careline_ticketing.rules.changes import rating


class Message(NamedTuple):
    """A change and the id of its event, the same on every replay."""

    id: str
    payload: TicketChange


def changes(decision: Decision) -> Iterator[Message]:
    """The changes of a decision, numbered on from the versions said before."""
    said = decision.said
    first = said.version - len(decision.changes) + 1
    for version, change in enumerate(decision.changes, start=first):
        payload = change.event(
            ticket=said.ticket.id,
            customer=said.customer,
            version=version,
            as_of=decision.as_of,
            policy_version=said.policy_version,
            identity=said.identity,
            **change.fields,
        )
        yield Message(f"{said.ticket.id}-{version}", payload)


def state(said: Said) -> TicketState:
    """The ticket as it is now."""
    ticket = said.ticket
    return TicketState(
        ticket=ticket.id,
        customer=said.customer,
        version=said.version,
        kind=ticket.kind,
        level=ticket.level,
        status=said.status,
        opened_at=ticket.opened_at,
        resolved_at=ticket.resolved_at,
        clocks=_clocks(said),
        touchpoints=touchpoints(ticket),
        category=ticket.category,
        product=ticket.product,
        waiting_for=waiting_for(ticket),
        agent=holder.agent if (holder := ticket.holder) else None,
        team=holder.team if holder else None,
        unassignable_since=ticket.unassignable_since,
        ratings=_ratings(ticket),
        merged_into=said.merged_into,
        identity=said.identity,
        policy_version=said.policy_version,
    )


def waiting_for(ticket: Ticket) -> Party | None:
    """Who has to act before work goes on, if somebody has."""
    return next((wait.party for wait in ticket.waits if wait.until is None), None)


def touchpoints(ticket: Ticket) -> int:
    """How many events the ticket is made of; a report that also re-opens is one."""
    return len({step.key for step in ticket.steps})


def _ratings(ticket: Ticket) -> tuple[Rating, ...]:
    rated = (rating(step, ticket) for step in ticket.steps if step.act == "rated")
    return tuple(Rating(**one._asdict()) for one in rated)


def _clocks(said: Said) -> tuple[Clock, ...]:
    return tuple(
        Clock(
            target=clock.target,
            round=clock.round,
            started_at=clock.started_at,
            due_at=clock.due_at,
            stopped_at=clock.stopped_at,
            paused_since=clock.paused_since,
            breached_at=clock.due_at if (clock.target, clock.round) in said.breached else None,
        )
        for clock in said.ticket.clocks
    )
