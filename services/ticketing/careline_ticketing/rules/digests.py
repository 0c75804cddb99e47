"""Who hears of an alarm, and when: together with others, in working hours, or at once.

An alarm waits for the end of its half hour, and an emergency for its instant, before it is seen who
hears of it. The customer's account manager and people's shifts come on other topics than the alarm:
once the clock has passed the instant, it shows no more which of them came first
(docs/decisions/0028-what-comes-on-another-topic-waits-for-its-instant.md).
"""

from collections.abc import Iterator, Mapping, Sequence
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
    """What is to be heard of a change of a ticket, and when it is looked at next."""

    id: str
    due_at: datetime
    entry: DigestEntry
    hearers: tuple[str, ...] = ()
    """Agents, and roles of the policy."""
    is_for_account_manager: bool = False
    """The customer's hears of it, too, whoever that is by then."""
    person: str = ""
    """Who hears of it, once that is seen: of several each has a notice."""


def notices(said: Said, told: Sequence[Change], at: datetime, policy: Policy) -> list[Notice]:
    """What people are to hear of these changes of a ticket, the last ones said; of most nothing."""
    due_at = at if said.ticket.level in policy.digests.at_once else end_of_half_hour(at, policy)
    found = []
    for version, change in enumerate(told, start=said.version - len(told) + 1):
        hearers = _hearers(said.ticket, change, policy)
        is_theirs = _is_for_account_manager(said.ticket, change, policy)
        if hearers or is_theirs:
            id = f"{said.ticket.id}-{version}"
            found.append(Notice(id, due_at, _entry(said, change), hearers, is_theirs))
    return found


def addressed(
    notice: Notice, account_manager: str | None, policy: Policy, shifts: Shifts
) -> Iterator[Notice]:
    """One for each who hears of a notice that is due, and when: at once, or in their next shift."""
    people = {*notice.hearers}
    if notice.is_for_account_manager and account_manager is not None:
        people.add(account_manager)
    for person in sorted(people):
        due_at = notice.due_at
        if notice.entry.level not in policy.digests.at_once:
            due_at = policy.timetable(hours_of(person, policy, shifts)).next_open(due_at)
        yield Notice(f"{notice.id}-{person}", due_at, notice.entry, person=person)


def end_of_half_hour(at: datetime, policy: Policy) -> datetime:
    """When what happened at `at` is looked at, with what else happened: it is told the moment
    after, so that on the half hour itself it waits for the next.
    """
    every = policy.digests.every
    return EPOCH + ((at - EPOCH) // every + 1) * every


def hours_of(person: str, policy: Policy, shifts: Shifts) -> str:
    """The calendar by which somebody works; of a role, and of who isn't an agent, the digests'."""
    listed = policy.agents.get(person)
    hours = shifts.get(person) or (listed.hours if listed else policy.digests.hours)
    # a policy of another time may not know a shift of today
    return hours if hours == ALWAYS or hours in policy.calendars else policy.digests.hours


def _hearers(ticket: Ticket, change: Change, policy: Policy) -> tuple[str, ...]:
    """Who is to act."""
    if change.event in (TicketWarned, TicketBreached):
        holder = ticket.holder
        return ((holder and (holder.agent or holder.team)) or policy.digests.unheld,)
    if change.event is TicketEscalated:
        return (change.fields["to"],)
    if change.event is TicketUnassignable:
        return (policy.teams[change.fields["team"]].on_call,)
    return ()


def _is_for_account_manager(ticket: Ticket, change: Change, policy: Policy) -> bool:
    """Whether it concerns them beside whoever is to act."""
    theirs = policy.account_manager
    if change.event is TicketOpened:
        return ticket.level in theirs.hears_of_opened
    return change.event is TicketEscalated and change.fields["step"] >= theirs.reminded_from_step


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
