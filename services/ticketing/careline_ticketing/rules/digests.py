"""Who hears of an alarm, and when: together with others, in working hours, or at once.

The instant of a digest follows from the alarm's own, so what lies in one digest does not depend on
how fast we were.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from careline_contracts.events.ticketing import (
    DigestEntry,
    TicketBreached,
    TicketEscalated,
    TicketUnassignable,
    TicketWarned,
)
from careline_ticketing.model import Clock, Said, Ticket
from careline_ticketing.policy import Policy
from careline_ticketing.rules.changes import Change

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Notice(NamedTuple):
    """What somebody is to hear, and in the digest of which instant."""

    person: str
    """An agent, or a role of the policy."""
    due_at: datetime
    id: str
    entry: DigestEntry


def notices(said: Said, told: Sequence[Change], at: datetime, policy: Policy) -> list[Notice]:
    """Who hears of these changes of a ticket, the last ones said, and when; nobody of most."""
    due_at = at if said.ticket.level in policy.digests.at_once else None
    found = []
    for version, change in enumerate(told, start=said.version - len(told) + 1):
        if (entry := _entry(said, change)) is None:
            continue
        due_at = due_at or digest_at(at, policy)
        person = _person(said.ticket, change, policy)
        found.append(Notice(person, due_at, f"{said.ticket.id}-{version}", entry))
    return found


def digest_at(at: datetime, policy: Policy) -> datetime:
    """The instant of the digest that takes what happened at `at`: it is told the moment after."""
    every = policy.digests.every
    full = EPOCH + ((at - EPOCH) // every + 1) * every
    return policy.timetable(policy.digests.hours).next_open(full)


def _person(ticket: Ticket, change: Change, policy: Policy) -> str:
    if change.event is TicketEscalated:
        return str(change.fields["to"])
    if change.event is TicketUnassignable:
        return policy.teams[change.fields["team"]].on_call
    holder = ticket.holder
    return (holder and (holder.agent or holder.team)) or policy.digests.unheld


def _entry(said: Said, change: Change) -> DigestEntry | None:
    common = {"ticket": said.ticket.id, "customer": said.customer, "level": said.ticket.level}
    promise = {name: change.fields.get(name) for name in ("target", "due_at")}
    if change.event is TicketWarned:
        return DigestEntry(what="warned", percent=change.fields["percent"], **common, **promise)
    if change.event is TicketBreached:
        return DigestEntry(what="breached", **common, **promise)
    if change.event is TicketEscalated:
        return DigestEntry(what="escalated", step=change.fields["step"], **common, **promise)
    if change.event is TicketUnassignable and (first := _first_due(said.ticket)):
        return DigestEntry(what="unassignable", target=first.target, due_at=first.due_at, **common)
    return None


def _first_due(ticket: Ticket) -> Clock | None:
    """The running promise that is due first."""
    running = (clock for clock in ticket.clocks if clock.stopped_at is None)
    return min(running, key=lambda clock: clock.due_at, default=None)
