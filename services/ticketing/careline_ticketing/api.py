"""What ticketing answers over HTTP: tickets, the state of each promise, and how many there are.

A verdict is computed from timestamps when it is asked for; no answer depends on whether a timer
has fired yet.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_contracts.events.ticketing import Level, Target, TicketKind, TicketStatus
from careline_runtime.access import requires
from careline_ticketing import clocks, messages, queries
from careline_ticketing.clocks import Verdict
from careline_ticketing.model import Act, Said

Connect = Callable[[], AbstractAsyncContextManager[AsyncConnection]]
Now = Callable[[], datetime]


class ClockView(BaseModel):
    """One promise, as it stands now."""

    target: Target
    round: int
    started_at: datetime
    due_at: datetime
    stopped_at: datetime | None
    verdict: Verdict
    late_seconds: float


class StepView(BaseModel):
    """One event that the ticket is made of."""

    act: Act
    at: datetime


class TicketView(BaseModel):
    """A ticket as it is now."""

    ticket: str
    customer: str
    version: int
    kind: TicketKind
    level: Level
    status: TicketStatus
    opened_at: datetime
    resolved_at: datetime | None
    merged_into: str | None
    touchpoints: int
    clocks: list[ClockView]
    steps: list[StepView]
    policy_version: str


class Tickets(BaseModel):
    """A page of tickets; `next` is the `after` of the page that follows."""

    tickets: list[TicketView]
    next: str | None


class Counts(BaseModel):
    """Tickets by what became of them; one that was merged into another is not counted."""

    opened: int
    resolved: int
    breached: int
    """At least one promise was not kept in time."""
    open: int


class Summary(BaseModel):
    """How many of each there are."""

    tickets: Counts


def router(connect: Connect, now: Now) -> APIRouter:
    """The routes; `connect` opens a connection to ticketing's database."""
    routes = APIRouter(prefix="/v1", tags=["tickets"], dependencies=[requires("tickets.read")])

    @routes.get("/tickets", summary="Tickets, by number")
    async def tickets(
        status: TicketStatus | None = None,
        customer: Annotated[str | None, Query(max_length=200)] = None,
        level: Level | None = None,
        after: Annotated[str | None, Query(max_length=40, description="From `next`.")] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Tickets:
        async with connect() as connection:
            found = await queries.tickets(
                connection, status=status, customer=customer, level=level, after=after, limit=limit
            )
        as_of = now()
        following = found[-1].ticket.id if len(found) == limit else None
        return Tickets(tickets=[_view(said, as_of) for said in found], next=following)

    @routes.get("/tickets/{id}", summary="One ticket, with its clocks")
    async def ticket(id: Annotated[str, Path(max_length=40)]) -> TicketView:
        async with connect() as connection:
            said = await queries.ticket(connection, id)
        if said is None:
            raise HTTPException(404, f"there is no ticket {id}")
        return _view(said, now())

    @routes.get("/summary", summary="How many tickets there are")
    async def summary() -> Summary:
        async with connect() as connection:
            return Summary(tickets=Counts(**await queries.counts(connection)))

    return routes


def _view(said: Said, as_of: datetime) -> TicketView:
    ticket = said.ticket
    return TicketView(
        ticket=ticket.id,
        customer=said.customer,
        version=said.version,
        kind=ticket.kind,
        level=ticket.level,
        status=messages.status(said),
        opened_at=ticket.opened_at,
        resolved_at=ticket.resolved_at,
        merged_into=said.merged_into,
        touchpoints=messages.touchpoints(ticket),
        clocks=[
            ClockView(
                target=clock.target,
                round=clock.round,
                started_at=clock.started_at,
                due_at=clock.due_at,
                stopped_at=clock.stopped_at,
                verdict=clocks.verdict(clock, as_of),
                late_seconds=clocks.late_seconds(clock, as_of),
            )
            for clock in ticket.clocks
        ],
        steps=[StepView(act=step.act, at=step.at) for step in ticket.steps],
        policy_version=said.policy_version,
    )
