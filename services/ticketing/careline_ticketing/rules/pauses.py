"""Pauses that may have been made to save a promise: shown and counted, never judged.

A wait for the customer is doubtful if little was left of a promise when it began, and if it was not
the customer who ended it.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from careline_calendar.working import Timetable
from careline_contracts.events.ticketing import Target
from careline_ticketing import clocks
from careline_ticketing.model import Act, Clock, Ticket, Wait
from careline_ticketing.policy import InForceAt

BY_THE_CUSTOMER: tuple[Act, ...] = ("replied", "joined", "reopened", "rated")


class Doubtful(NamedTuple):
    """A pause, the promise that it held up, and how much of that was left."""

    target: Target
    since: datetime
    until: datetime
    left: timedelta
    agent: str | None
    """Who paused, where that is known."""


def doubtful(ticket: Ticket, in_force_at: InForceAt) -> list[Doubtful]:
    """The doubtful pauses of a ticket, in order."""
    ended_by = {step.at: step.act for step in ticket.steps}
    return [
        found
        for wait in ticket.waits
        if wait.party == "customer"
        and wait.until is not None
        and ended_by.get(wait.until) not in BY_THE_CUSTOMER
        for found in _held_up(wait, wait.until, ticket, in_force_at)
    ]


def _held_up(
    wait: Wait, until: datetime, ticket: Ticket, in_force_at: InForceAt
) -> Iterator[Doubtful]:
    agent = next((step.agent for step in ticket.steps if step.at == wait.since), None)
    for clock in ticket.clocks:
        if _ran_at(clock, wait.since) and "customer" in clock.pauses_for:
            policy = in_force_at(clock.given_at or clock.started_at).policy
            left = _left(clock, ticket, policy.timetable(clock.hours), wait.since)
            if timedelta() < left <= policy.pauses.doubtful:
                yield Doubtful(clock.target, wait.since, until, left, agent)


def _ran_at(clock: Clock, at: datetime) -> bool:
    return clock.started_at <= at and (clock.stopped_at is None or at < clock.stopped_at)


def _left(clock: Clock, ticket: Ticket, timetable: Timetable, at: datetime) -> timedelta:
    """How much of the promised time was left then."""
    running = replace(clock, stopped_at=None)
    return clock.within - clocks.used(running, ticket.waits, timetable, at)
