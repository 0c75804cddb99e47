"""What time alone brings to a ticket: warnings, breaches, and the steps of an escalation.

Each has an exact instant that follows from the ticket's history and the policy under which the
promise was given. A ticket that is solved or waits brings none of its promise.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from careline_calendar.working import MOMENT
from careline_contracts.events.ticketing import TicketEscalated, TicketWarned
from careline_ticketing import clocks
from careline_ticketing.model import Clock, Ticket
from careline_ticketing.policy import InForceAt, Policy
from careline_ticketing.rules.changes import Change


class Alarm(NamedTuple):
    """What is to be told of a ticket, the moment after `at`."""

    at: datetime
    change: Change | None
    """None for a breach, which the promise's own verdict tells."""


def alarms(clock: Clock, ticket: Ticket, in_force_at: InForceAt) -> Iterator[Alarm]:
    """All that time brings to a promise, past and to come, in order."""
    if clocks.late_at(clock) is None:
        return
    policy = in_force_at(clock.given_at or clock.started_at).policy
    yield from _warnings(clock, ticket, policy)
    yield Alarm(clock.due_at, None)
    yield from _escalation(clock, ticket, policy)


def next_after(ticket: Ticket, as_of: datetime, in_force_at: InForceAt) -> datetime | None:
    """The first instant after `as_of` at which time brings something; None if it never does."""
    return min(
        (
            alarm.at + MOMENT
            for clock in ticket.clocks
            for alarm in islice(_to_come(clock, ticket, as_of, in_force_at), 1)
        ),
        default=None,
    )


def told_at(ticket: Ticket, instant: datetime, in_force_at: InForceAt) -> list[Change]:
    """The warnings and escalations that are due exactly then."""
    return [
        alarm.change
        for clock in ticket.clocks
        for alarm in alarms(clock, ticket, in_force_at)
        if alarm.change is not None and alarm.at + MOMENT == instant
    ]


def _to_come(
    clock: Clock, ticket: Ticket, as_of: datetime, in_force_at: InForceAt
) -> Iterator[Alarm]:
    return (a for a in alarms(clock, ticket, in_force_at) if a.at + MOMENT > as_of)


def _warnings(clock: Clock, ticket: Ticket, policy: Policy) -> Iterator[Alarm]:
    timetable = policy.timetable(clock.hours)
    for percent in policy.warnings[ticket.level]:
        reached = clocks.share_at(clock, percent / 100, ticket.waits, timetable)
        fields = {"target": clock.target, "percent": percent, "due_at": clock.due_at}
        yield Alarm(reached, Change(TicketWarned, fields))


def _escalation(clock: Clock, ticket: Ticket, policy: Policy) -> Iterator[Alarm]:
    """A broken promise goes up the chain, step by step, until it is kept after all.

    Who comes back from a pause with minutes left has a little time before the chain is called.
    """
    escalation = policy.escalation[ticket.level]
    resumed = [
        wait.until + policy.pauses.grace
        for wait in ticket.waits
        if wait.party in clock.pauses_for and wait.until and wait.since < clock.due_at
    ]
    timetable, reached = policy.timetable(escalation.hours), max([clock.due_at, *resumed])
    for number, step in enumerate(escalation.chain, start=1):
        due_at = timetable.after(reached, step.within)
        fields = {"target": clock.target, "step": number, "to": step.to, "due_at": due_at}
        yield Alarm(reached, Change(TicketEscalated, fields))
        reached = due_at
