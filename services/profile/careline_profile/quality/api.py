"""What is told about the quality of records, as data and as a page; duplicates on the list."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import HTMLResponse
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_profile.in_force import InForce
from careline_profile.numbers import Number
from careline_profile.quality import queries, store
from careline_profile.quality.checking import Checker
from careline_profile.quality.model import Check, Report, Trend
from careline_profile.quality.page import page
from careline_runtime.access import Caller, requires
from careline_runtime.clock import Now
from careline_runtime.database import Connect
from careline_runtime.months import MONTH, first_days
from careline_runtime.unit_of_work import Work

Month = Annotated[str | None, Query(pattern=MONTH, description="Default: this month.")]


class DuplicateView(BaseModel):
    """Two customers who may be one person: one name, one region as far as known, and a contact
    that is nearly the same. Nothing is merged by it."""

    customers: tuple[str, str]
    similarity: int
    """Of the contacts, from 0 to 100."""
    alike: str
    """The kind of contact."""
    found_at: datetime


class DuplicatesView(BaseModel):
    duplicates: list[DuplicateView]


def router(
    connect: Connect, work: Work, checker: Checker, now: Now, in_force: InForce
) -> APIRouter:
    """The routes; `work` opens a unit of work, `connect` a connection to profile's database."""
    routes = APIRouter(prefix="/v1", tags=["quality"])
    may_read = [requires("customers.read")]

    async def reported(month: str | None) -> Report:
        async with connect() as connection:
            target = in_force().policy.quality.accuracy_target
            return await _report(connection, month or f"{now():%Y-%m}", target)

    @routes.get(
        "/quality", summary="The records in a month: last check, trend", dependencies=may_read
    )
    async def quality(month: Month = None) -> Report:
        return await reported(month)

    @routes.get(
        "/quality/page",
        summary="The same as a page to print, in Chinese and English",
        response_class=HTMLResponse,
        dependencies=may_read,
    )
    async def quality_page(month: Month = None) -> HTMLResponse:
        return HTMLResponse(page(await reported(month)))

    @routes.post(
        "/quality/checks",
        summary="Check all records now, without waiting for Monday",
        dependencies=[requires("customers.edit")],
    )
    async def check() -> Check:
        return await checker.check(now())

    @routes.get(
        "/duplicates", summary="Customers who may be one, most alike first", dependencies=may_read
    )
    async def duplicates(limit: Annotated[int, Query(ge=1, le=500)] = 100) -> DuplicatesView:
        async with connect() as connection:
            found = await queries.open_duplicates(connection, limit=limit)
        return DuplicatesView(
            duplicates=[
                DuplicateView(
                    customers=(pair.a, pair.b),
                    similarity=pair.similarity,
                    alike=pair.kind,
                    found_at=found_at,
                )
                for pair, found_at in found
            ]
        )

    @routes.post(
        "/duplicates/{number}/{other}/dismissed", summary="They are two people", status_code=204
    )
    async def dismiss(
        number: Number, other: Number, caller: Annotated[Caller, requires("customers.edit")]
    ) -> None:
        async with work() as unit:
            pair = (number, other)
            done = await store.dismiss(unit.connection, pair, by=caller.subject, at=now())
        if not done:
            raise HTTPException(404, f"{number} and {other} are on no list")

    return routes


async def _report(connection: AsyncConnection, month: str, accuracy_target: float) -> Report:
    first, following = first_days(month)
    kept = await queries.checks(connection, since=first, until=following)
    return Report(
        month=month,
        accuracy_target=accuracy_target,
        check=kept[-1] if kept else None,
        weeks=[_trend(check) for check in kept],
        open_duplicates=await queries.open_pairs(connection),
    )


def _trend(check: Check) -> Trend:
    return Trend(
        at=check.at,
        completeness=check.completeness.ratio,
        validity=check.validity.ratio,
        uniqueness=check.uniqueness.ratio,
        freshness=check.freshness.ratio,
        accuracy=check.accuracy.ratio,
    )
