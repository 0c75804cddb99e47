"""Who hears of an alarm, and when: together with others, in working hours, or at once.

The instant of a digest follows from the alarm's own, so what lies in one digest does not depend on
how fast we were.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from careline_contracts.events.ticketing import (
    DigestEntry,
    TicketBreached,
    TicketChange,
    TicketEscalated,
    TicketOpened,
    TicketUnassignable,
    TicketWarned,
)
from careline_ticketing.model import Said, Ticket
from careline_ticketing.policy import ALWAYS, Policy
from careline_ticketing.rules.changes import Change

What = Literal["opened", "warned", "breached", "escalated", "unassignable"]
_WHAT: dict[type[TicketChange], What] = {
    TicketOpened: "opened",
    TicketWarned: "warned",
    TicketBreached: "breached",
    TicketEscalated: "escalated",
    TicketUnassignable: "unassignable",
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


Shifts = Mapping[str, str]
"""Agent → the calendar that is their shift, as supervisors have them; they win over the policy."""


class Notice(NamedTuple):
    """What somebody is to hear, and in the digest of which instant."""

    person: str
    """An agent, or a role of the policy."""
    due_at: datetime
    id: str
    entry: DigestEntry


def notices(
    said: Said,
    told: Sequence[Change],
    at: datetime,
    policy: Policy,
    account_manager: str | None,
    shifts: Shifts,
) -> list[Notice]:
    """Who hears of these changes of a ticket, the last ones said, and when; nobody of most."""
    is_at_once = said.ticket.level in policy.digests.at_once
    found = []
    for version, change in enumerate(told, start=said.version - len(told) + 1):
        hearers = _hearers(said.ticket, change, policy, account_manager)
        if not hearers:
            continue
        entry, id = _entry(said, change), f"{said.ticket.id}-{version}"
        for person in sorted(hearers):
            due_at = at if is_at_once else digest_at(at, policy, hours_of(person, policy, shifts))
            found.append(Notice(person, due_at, f"{id}-{person}", entry))
    return found


def digest_at(at: datetime, policy: Policy, hours: str) -> datetime:
    """The instant of the digest that takes what happened at `at`: it is told the moment after."""
    every = policy.digests.every
    full = EPOCH + ((at - EPOCH) // every + 1) * every
    return policy.timetable(hours).next_open(full)


def hours_of(person: str, policy: Policy, shifts: Shifts) -> str:
    """The calendar by which somebody works; of a role, and of who isn't an agent, the digests'."""
    listed = policy.agents.get(person)
    hours = shifts.get(person) or (listed.hours if listed else policy.digests.hours)
    # a policy of another time may not know a shift of today
    return hours if hours == ALWAYS or hours in policy.calendars else policy.digests.hours


def _hearers(
    ticket: Ticket, change: Change, policy: Policy, account_manager: str | None
) -> set[str]:
    """Who is to act, and the account manager if it concerns them."""
    theirs, hearers = policy.account_manager, set[str | None]()
    if change.event is TicketOpened and ticket.level in theirs.hears_of_opened:
        hearers = {account_manager}
    elif change.event in (TicketWarned, TicketBreached):
        holder = ticket.holder
        hearers = {(holder and (holder.agent or holder.team)) or policy.digests.unheld}
    elif change.event is TicketEscalated:
        is_theirs = change.fields["step"] >= theirs.reminded_from_step
        hearers = {change.fields["to"], account_manager if is_theirs else None}
    elif change.event is TicketUnassignable:
        hearers = {policy.teams[change.fields["team"]].on_call}
    return {person for person in hearers if person is not None}


def _entry(said: Said, change: Change) -> DigestEntry:
    """What of the change is told; of a ticket as a whole, with the promise that is due first."""
    first = min(said.ticket.clocks, key=lambda clock: (clock.stopped_at is not None, clock.due_at))
    return DigestEntry(
        what=_WHAT[change.event],
        ticket=said.ticket.id,
        customer=said.customer,
        level=said.ticket.level,
        target=change.fields.get("target", first.target),
        due_at=change.fields.get("due_at", first.due_at),
        percent=change.fields.get("percent"),
        step=change.fields.get("step"),
    )
