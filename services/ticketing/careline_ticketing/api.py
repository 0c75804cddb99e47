"""What ticketing answers over HTTP: tickets, the state of each promise, and how many there are.

A verdict is computed from timestamps when it is asked for; no answer depends on whether a timer
has fired yet.
"""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query
from pydantic import BaseModel

from careline_contracts.events.ticketing import Level, TicketStatus
from careline_runtime.access import requires
from careline_runtime.clock import Now
from careline_runtime.database import Connect
from careline_ticketing import queries
from careline_ticketing.policy import InForceAt
from careline_ticketing.views import OwnTicket, TicketView


class Tickets(BaseModel):
    """A page of tickets; `next` is the `after` of the page that follows."""

    tickets: list[TicketView]
    next: str | None


class OwnTickets(BaseModel):
    """A customer's tickets."""

    tickets: list[OwnTicket]


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


def router(connect: Connect, policies: InForceAt, now: Now) -> APIRouter:
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
        return Tickets(
            tickets=[TicketView.of(said, policies, as_of) for said in found], next=following
        )

    @routes.get("/tickets/{id}", summary="One ticket, with its clocks")
    async def ticket(id: Annotated[str, Path(max_length=40)]) -> TicketView:
        async with connect() as connection:
            said = await queries.ticket(connection, id)
        if said is None:
            raise HTTPException(404, f"there is no ticket {id}")
        return TicketView.of(said, policies, now())

    @routes.get(
        "/customers/{customer}/tickets", summary="Self-service: what customers see of their own"
    )
    async def own_tickets(customer: Annotated[str, Path(max_length=200)]) -> OwnTickets:
        async with connect() as connection:
            found = await queries.tickets(
                connection, status=None, customer=customer, level=None, after=None, limit=1_000
            )
        as_of = now()
        live = (said for said in found if said.merged_into is None)
        return OwnTickets(tickets=[OwnTicket.of(said, policies, as_of) for said in live])

    @routes.get("/summary", summary="How many tickets there are")
    async def summary() -> Summary:
        async with connect() as connection:
            return Summary(tickets=Counts(**await queries.counts(connection)))

    return routes
