"""What profile answers about a record, and how a person puts it right."""

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Path, Query, Response
from fastapi.exceptions import RequestValidationError
from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from careline_contracts.events.touchpoints import FieldName
from careline_profile.card import Cards, HistoryView, ReminderOfCustomer
from careline_profile.numbers import Number, no_customer
from careline_profile.reasons import Given, Reason
from careline_profile.record.editing import Edit, Editor, Flawed, Request
from careline_profile.record.exporting import Export, Exporter
from careline_profile.record.rules.forms import NoValue
from careline_profile.record.search import Search
from careline_runtime.access import Caller, requires
from careline_runtime.clock import Now
from careline_runtime.database import Connect
from careline_runtime.unit_of_work import Work

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]


class EditBody(BaseModel):
    """What is to stand in one place of the record."""

    field: FieldName
    value: Words | None = None
    """None: what stands there is taken away."""
    item: str = Field("", max_length=300)
    """Which of several values is taken away."""


class Edits(BaseModel):
    """All of them are made, or none."""

    edits: Annotated[list[EditBody], Field(min_length=1, max_length=50)]
    reason: Reason
    """Kept, sealed, with the change."""
    verified_by: Literal["call_back", "email", "third_party", "document"] | None = None
    since: AwareDatetime | None = None
    """Since when it is so; without it, and at the latest, since now."""


class EditedView(BaseModel):
    """The customer, and the fields that read otherwise now: none where a better source stands."""

    customer: str
    version: int
    fields: list[str]


class RemindersView(BaseModel):
    reminders: list[ReminderOfCustomer]


class SearchBody(BaseModel):
    """What must stand on the record: a name, a region, a preference, any field of the policy."""

    fields: Annotated[dict[FieldName, Words], Field(min_length=1, max_length=10)]
    after: str = Field("", max_length=20)
    """The `next` of the page before."""
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    """How many records are looked at; a page may show fewer."""


class FoundView(BaseModel):
    """A customer who has it all."""

    customer: str
    attributes: dict[str, str | list[str]]


class SearchView(BaseModel):
    customers: list[FoundView]
    next: str | None


def router(
    connect: Connect, work: Work, now: Now, *, cards: Cards, editor: Editor, search: Search
) -> APIRouter:
    """The routes; `work` opens a unit of work, `connect` a connection to profile's database."""
    routes = APIRouter(prefix="/v1", tags=["record"])

    @routes.post(
        "/customers/search",
        summary="Customers by what stands on their records",
        description="Values are compared whole, in their form; personal ones by their tokens.",
        dependencies=[requires("customers.read")],
    )
    async def find(body: SearchBody) -> SearchView:
        try:
            wanted = search.wanted(body.fields, on=now().date())
        except NoValue as flaw:
            raise HTTPException(422, str(flaw)) from None
        async with connect() as connection:
            found, following = await search.page(
                connection, wanted, after=body.after, limit=body.limit
            )
        return SearchView(customers=[FoundView(**one._asdict()) for one in found], next=following)

    @routes.get(
        "/customers/{number}/history",
        summary="Every change of the record: what, from, to, by what, when true and when known",
        dependencies=[requires("customers.read")],
    )
    async def history(
        number: Number, field: Annotated[FieldName | None, Query()] = None
    ) -> HistoryView:
        found = await cards.history(number, field=field)
        if found is None:
            raise no_customer(number)
        return found

    @routes.post(
        "/customers/{number}/edits", summary="Put fields of the record right, with a reason"
    )
    async def edit(
        number: Number, body: Edits, caller: Annotated[Caller, requires("customers.edit")]
    ) -> EditedView:
        request = Request(
            [Edit(one.field, one.value, one.item) for one in body.edits],
            who=caller.subject,
            why=body.reason,
            since=min(body.since or now(), now()),
            now=now(),
            verified_by=body.verified_by,
        )
        try:
            async with work() as unit:
                edited = await editor.edit(unit, number, request)
        except Flawed as flaw:
            place = ("body", "edits", flaw.number, flaw.part)
            words = {"loc": place, "msg": str(flaw), "type": "value_error"}
            raise RequestValidationError([words]) from None
        if edited is None:
            raise no_customer(number)
        return EditedView(**edited._asdict())

    return routes


def reminders_router(cards: Cards, work: Work, editor: Editor, now: Now) -> APIRouter:
    """The routes of reminders to look at a record again."""
    routes = APIRouter(prefix="/v1", tags=["record"])

    @routes.get(
        "/reminders",
        summary="Records that an account manager is to look at again, oldest first",
        dependencies=[requires("customers.read")],
    )
    async def reminders(
        account_manager: Annotated[str | None, Query(max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> RemindersView:
        return RemindersView(reminders=await cards.reminders(account_manager, limit=limit))

    @routes.post(
        "/customers/{number}/reminders/{reminder}/looked-at",
        summary="The record was looked at, as somebody was reminded to",
    )
    async def look_at(
        number: Number,
        reminder: Annotated[str, Path(pattern="^[0-9a-f]{32}$")],
        caller: Annotated[Caller, requires("customers.edit")],
    ) -> EditedView:
        async with work() as unit:
            done = await editor.look_at(unit, number, reminder, who=caller.subject, at=now())
        if done is None:
            raise HTTPException(404, f"{number} has no such reminder, or not any more")
        return EditedView(**done._asdict())

    return routes


def export_router(work: Work, exporter: Exporter, now: Now) -> APIRouter:
    """The route by which a person gets what is kept about them."""
    routes = APIRouter(prefix="/v1", tags=["record"])

    @routes.post(
        "/customers/{number}/export",
        summary="All that is kept about one person, in clear; audited",
    )
    async def export(
        number: Number,
        given: Given,
        response: Response,
        caller: Annotated[Caller, requires("customers.export")],
    ) -> Export:
        async with work() as unit:
            found = await exporter.export(unit, caller, number, reason=given.reason, at=now())
        if found is None:
            raise no_customer(number)
        # neither a browser nor a proxy keeps it
        response.headers["Cache-Control"] = "no-store"
        return found

    return routes
