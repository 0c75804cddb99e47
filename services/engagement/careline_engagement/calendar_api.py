"""HTTP about the interaction calendar: a customer's, and an owner's feed (CARE-2)."""

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter, HTTPException, Response
from pydantic import BaseModel

from careline_engagement import calendar_feed, queries
from careline_engagement.rules import Book
from careline_engagement.rules.agenda import Agenda, agenda_of
from careline_engagement.store.families import read_families, read_family
from careline_runtime.access import requires
from careline_runtime.clock import Now
from careline_runtime.database import Connect

MOST = 1_000


class ComingView(BaseModel):
    """Something that will begin by itself."""

    at: datetime
    playbook: str
    trigger: str


class OpenView(BaseModel):
    """Something that somebody has to do."""

    due_at: datetime
    case: str
    playbook: str
    step: str


class CalendarView(BaseModel):
    """When a customer is to be contacted next, and what is planned."""

    customer: str
    tier: str | None = None
    handling: list[str]
    """Special care: how to treat the customer (TAG-4)."""
    account_manager: str | None = None
    owner: str | None = None
    """Who looks after the customer now: a deputy, while the account manager is away."""
    last_contact_at: datetime | None = None
    next_contact_at: datetime | None = None
    is_overdue: bool
    coming: list[ComingView]
    open: list[OpenView]


def router(connect: Connect, now: Now, book: Callable[[], Book]) -> APIRouter:
    """The routes about calendars."""
    routes = APIRouter(prefix="/v1", tags=["calendar"], dependencies=[requires("cases.read")])

    @routes.get(
        "/customers/{number}/calendar",
        summary="When a customer is to be contacted next, and what is planned",
        response_model_exclude_none=True,
    )
    async def calendar(number: str) -> CalendarView:
        as_of = now()
        async with connect() as connection:
            found = await read_family(connection, number, kept=book().facts_kept)
        if found is None:
            raise HTTPException(404, f"nothing is known of customer {number}")
        return _calendar(agenda_of(found, as_of, book()), as_of)

    @routes.get(
        "/owners/{owner}/calendar.ics",
        summary="The contacts and tasks of an account manager, for a calendar program",
        response_class=Response,
    )
    async def feed(owner: str) -> Response:
        as_of = now()
        async with connect() as connection:
            numbers = await queries.customers_of(connection, owner, limit=MOST)
            found = await read_families(connection, numbers, kept=book().facts_kept)
        agendas = [agenda_of(family, as_of, book()) for family in found]
        return Response(calendar_feed.written(owner, agendas, as_of), media_type="text/calendar")

    return routes


def _calendar(agenda: Agenda, as_of: datetime) -> CalendarView:
    due_at = agenda.next_contact_at
    return CalendarView(
        customer=agenda.customer,
        tier=agenda.tier,
        handling=list(agenda.handling),
        account_manager=agenda.account_manager,
        owner=agenda.owner,
        last_contact_at=agenda.last_contact_at,
        next_contact_at=due_at,
        is_overdue=due_at is not None and due_at < as_of,
        coming=[ComingView(at=e.at, playbook=e.playbook, trigger=e.trigger) for e in agenda.coming],
        open=[
            OpenView(due_at=o.due_at, case=o.case, playbook=o.playbook, step=o.step)
            for o in agenda.open
        ],
    )
