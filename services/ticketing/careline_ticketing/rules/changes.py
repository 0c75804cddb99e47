"""What others must be told about a ticket, given what they were told before."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from careline_contracts.events.ticketing import (
    TicketAssigned,
    TicketBreached,
    TicketChange,
    TicketClosed,
    TicketCorrected,
    TicketFixed,
    TicketJoined,
    TicketLinked,
    TicketNoted,
    TicketOpened,
    TicketPaused,
    TicketPrioritised,
    TicketRated,
    TicketReopened,
    TicketReplied,
    TicketResolved,
    TicketResponded,
    TicketResumed,
    TicketUnassignable,
)
from careline_ticketing import clocks
from careline_ticketing.model import Act, Clock, PromiseName, Said, Step, Ticket


class Change(NamedTuple):
    """One thing to tell others about a ticket: an event and the fields that are its own."""

    event: type[TicketChange]
    fields: dict[str, Any]


class Rated(NamedTuple):
    """A rating of a resolution, credited to whoever resolved it."""

    score: int
    rated_at: datetime
    agent: str | None


Fields = Callable[[Step, Ticket], dict[str, Any]]


def _nothing(step: Step, ticket: Ticket) -> dict[str, Any]:
    return {}


def _by_whom(step: Step, ticket: Ticket) -> dict[str, Any]:
    return {"agent": step.agent}


def _as_what(step: Step, ticket: Ticket) -> dict[str, Any]:
    names = ("kind", "level", "category", "product")
    return {name: getattr(ticket, name) for name in names}


def _for_whom(step: Step, ticket: Ticket) -> dict[str, Any]:
    return {"waiting_for": step.act.removeprefix("waits_for_")}


def _credited(step: Step, ticket: Ticket) -> dict[str, Any]:
    return rating(step, ticket)._asdict()


_TOLD: dict[Act, tuple[type[TicketChange], Fields]] = {
    "opened": (TicketOpened, _as_what),
    "joined": (TicketJoined, _nothing),
    "replied": (TicketReplied, _nothing),
    "responded": (TicketResponded, _by_whom),
    "fixed": (TicketFixed, _by_whom),
    "waits_for_customer": (TicketPaused, _for_whom),
    "waits_for_third_party": (TicketPaused, _for_whom),
    "resumed": (TicketResumed, _nothing),
    "assigned": (TicketAssigned, lambda step, _: {"agent": step.agent, "team": step.team}),
    "unassignable": (TicketUnassignable, lambda step, _: {"team": step.team}),
    "prioritised": (TicketPrioritised, lambda step, _: {"level": step.detail}),
    "noted": (TicketNoted, lambda step, _: {"reference": step.detail}),
    "linked": (TicketLinked, lambda step, _: {"to": step.detail}),
    "resolved": (TicketResolved, lambda step, _: {"agent": step.agent, "cause": step.detail}),
    "closed": (TicketClosed, _nothing),
    "reopened": (TicketReopened, _nothing),
    "rated": (TicketRated, _credited),
}


def rating(step: Step, ticket: Ticket) -> Rated:
    """The rating that `step` gave."""
    resolved = [s for s in ticket.steps if s.act == "resolved" and s.at <= step.at]
    return Rated(int(step.detail or 0), step.at, resolved[-1].agent if resolved else None)


def breached(ticket: Ticket, as_of: datetime) -> dict[PromiseName, Clock]:
    """The promises that were not kept in time, as known at `as_of`."""
    return {
        (clock.target, clock.round): clock
        for clock in ticket.clocks
        if clocks.verdict(clock, as_of) == "missed"
    }


def changes(said: Said | None, ticket: Ticket, as_of: datetime) -> list[Change]:
    """What to tell about `ticket`, given what was said before: steps, breaches, corrections."""
    live = said if said is not None and said.merged_into is None else None
    steps_before = frozenset(live.ticket.steps) if live else frozenset()
    breached_before = live.breached if live else ()
    found = [_told(step, ticket) for step in ticket.steps if step not in steps_before]
    missed = breached(ticket, as_of)
    found += [
        Change(
            TicketBreached, {"target": clock.target, "round": clock.round, "due_at": clock.due_at}
        )
        for name, clock in missed.items()
        if name not in breached_before
    ]
    withdrawn = sorted(set(breached_before) - missed.keys())
    unsaid = steps_before.difference(ticket.steps)
    if withdrawn or unsaid or (live and not found and live.ticket != ticket):
        found.append(_corrected(withdrawn))
    return found


def _corrected(withdrawn: Sequence[PromiseName]) -> Change:
    targets, rounds = (tuple(name[n] for name in withdrawn) for n in (0, 1))
    return Change(TicketCorrected, {"withdrawn": targets, "withdrawn_rounds": rounds})


def _told(step: Step, ticket: Ticket) -> Change:
    event, fields = _TOLD[step.act]
    return Change(event, fields(step, ticket))
