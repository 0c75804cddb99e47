"""What tickets teach and what is about to go wrong, over HTTP: causes and the forecast."""

from datetime import datetime, time, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from careline_runtime.access import requires
from careline_runtime.clock import Now
from careline_runtime.database import Connect
from careline_runtime.months import MONTH, first_days, year_before
from careline_ticketing import queries
from careline_ticketing.foresight import foresight
from careline_ticketing.policy import InForceAt, Policy
from careline_ticketing.rules.forecast import Remedy
from careline_ticketing.rules.kpis import Kpi, Language, kpis
from careline_ticketing.rules.learning import (
    ArticleEffect,
    RootCause,
    article_effects,
    root_causes,
)

REPEATS_WITHIN = timedelta(days=30)
"""Who has the same problem again later than this has a new one."""
Month = Annotated[str, Query(pattern=MONTH, description="2026-03")]


class RootCauses(BaseModel):
    """A month's causes, the most frequent first, and what articles changed until its end."""

    month: str
    causes: list[RootCause]
    articles: list[ArticleEffect]


class MonthReport(BaseModel):
    """A month in figures, of the tickets that were opened in it."""

    month: str
    policy_version: str
    kpis: list[Kpi]


class Breach(BaseModel):
    """A promise of a solution that will be broken if nothing changes."""

    ticket: str
    due_at: datetime
    solved_at: datetime | None
    """None: nobody works on such tickets."""


class Forecast(BaseModel):
    """What is open now, played through to its end."""

    as_of: datetime
    agents: int
    open: int
    breaches: list[Breach]
    remedies: list[Remedy]


def router(connect: Connect, policies: InForceAt, now: Now) -> APIRouter:
    """The routes about causes and what is to come."""
    routes = APIRouter(prefix="/v1", tags=["insight"], dependencies=[requires("tickets.read")])

    @routes.get("/root-causes", summary="A month's root causes: category × product × cause")
    async def causes(month: Month) -> RootCauses:
        start, end = _bounds(month, policies(now()).policy)
        async with connect() as connection:
            found = await queries.opened_between(connection, start - REPEATS_WITHIN, end)
        return RootCauses(
            month=month,
            causes=root_causes(found, start, REPEATS_WITHIN),
            articles=article_effects(found, REPEATS_WITHIN),
        )

    @routes.get("/kpis", summary="A month in figures, against targets and the year before")
    async def figures(month: Month, language: Language = "en") -> MonthReport:
        policy, version = policies(now())
        async with connect() as connection:
            of_month, before = [
                await queries.opened_between(connection, *_bounds(each, policy))
                for each in (month, year_before(month))
            ]
        found = kpis(of_month, before, policy.kpis, policies, language)
        return MonthReport(month=month, policy_version=version, kpis=found)

    @routes.get("/forecast", summary="Which open tickets will be late, and what would help most")
    async def ahead(
        agents: Annotated[
            int | None,
            Query(
                ge=1,
                le=10_000,
                description="So many who do everything; without it, those who work here.",
            ),
        ] = None,
    ) -> Forecast:
        as_of = now()
        async with connect() as connection:
            seen = await foresight(connection, policies(as_of).policy, as_of, agents)
        return Forecast(
            as_of=as_of,
            agents=len(seen.staff),
            open=len(seen.queue),
            breaches=[Breach(**one._asdict()) for one in seen.played if one.is_late],
            remedies=seen.remedies,
        )

    return routes


def _bounds(month: str, policy: Policy) -> tuple[datetime, datetime]:
    zone = policy.zone_of(policy.digests.hours)
    first, following = (datetime.combine(day, time(), zone) for day in first_days(month))
    return first, following
