"""What scoring answers over HTTP: a score taken apart to the point, who carries what, the sums."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, get_args

import structlog
from fastapi import APIRouter, HTTPException, Path, Query
from pydantic import AwareDatetime, BaseModel

from careline_contracts.events.scoring import Need, Risk, TagName, Tier, Value
from careline_runtime.access import requires
from careline_runtime.clock import Now
from careline_runtime.database import Connect
from careline_runtime.followed_policy import Timeline
from careline_runtime.months import MONTH
from careline_scoring import metrics, queries
from careline_scoring.explanation import ScoreView, explain
from careline_scoring.finding import FoundPage, Wanted, page
from careline_scoring.kpis import MonthReport, month_report
from careline_scoring.model import NEVER, Fact, Source
from careline_scoring.movements import (
    Forecast,
    TierFlow,
    forecast,
    month_of,
    standings,
    tier_flow,
)
from careline_scoring.rules import Rulebook, as_points
from careline_scoring.rules.wording import Language

log = structlog.get_logger(__name__)

Number = Annotated[str, Path(min_length=1, max_length=200, description="Customer number")]

AsOf = Annotated[
    AwareDatetime | None,
    Query(description="By the facts of the days until then; default: the last decision's instant"),
]

Month = Annotated[str, Query(pattern=MONTH, description="In the policy's time zone")]
DaysAhead = Annotated[int, Query(ge=1, le=31)]
Limit = Annotated[int, Query(ge=0, le=10_000, description="Customers looked at, the first due")]


class Summary(BaseModel):
    """How many customers there are, by each verdict."""

    customers: int
    tiers: dict[Tier, int]
    value: dict[Value, int]
    need: dict[Need, int]
    risk: dict[Risk, int]
    tags: dict[TagName, dict[str, int]]
    """TAG-4: a customer may carry several values of a tag, or none."""


def router(connect: Connect, timeline: Callable[[], Timeline[Rulebook]], now: Now) -> APIRouter:
    """The routes; `connect` opens a connection to scoring's database, `now` is its clock."""
    routes = APIRouter(prefix="/v1", tags=["scoring"], dependencies=[requires("scores.read")])

    @routes.get(
        "/customers/{number}/score", summary="A score, point by point; absorbed numbers resolve"
    )
    async def score(number: Number, as_of: AsOf = None, language: Language = "en") -> ScoreView:
        async with connect() as connection:
            found = await queries.find(connection, number)
        if found is None:
            raise HTTPException(404, f"no customer has the number {number}")
        rulebook = timeline().at(as_of or found[0].as_of)
        return _explained(rulebook, number, *found, as_of, language, advised_at=as_of or now())

    @routes.get(
        "/customers", summary="Customers by tier, value, need, risk and tags, in order of number"
    )
    async def find(wanted: Annotated[Wanted, Query()]) -> FoundPage:
        async with connect() as connection:
            found = await queries.carrying(
                connection, wanted.verdicts, wanted.tags, after=wanted.after, limit=wanted.limit
            )
        return page(*found)

    @routes.get("/summary", summary="How many customers are in each tier and carry each tag")
    async def summary() -> Summary:
        async with connect() as connection:
            sums = await queries.count(connection)
            tags = await queries.count_tags(connection)
        return Summary(
            customers=sum(sums["tiers"].values()),
            tiers={name: sums["tiers"].get(name, 0) for name in get_args(Tier)},
            value={name: sums["value"].get(name, 0) for name in get_args(Value)},
            need={name: sums["need"].get(name, 0) for name in get_args(Need)},
            risk={name: sums["risk"].get(name, 0) for name in get_args(Risk)},
            tags={name: tags.get(name, {}) for name in get_args(TagName)},
        )

    @routes.get("/tiers/flow", summary="Who moved from which tier to which in a month")
    async def flow(month: Month) -> TierFlow:
        rulebook = timeline().at(now())
        between = _begun(month, rulebook, now())
        async with connect() as connection:
            cells = standings(await queries.standings(connection, *between))
            zone = rulebook.policy.time_zone
            moved = await queries.moves_and_flaps(connection, *between, zone=zone)
        return tier_flow(month, *between, cells, *moved)

    @routes.get("/kpis", summary="A month in figures, against targets and the year before")
    async def kpis(month: Month, language: Language = "en") -> MonthReport:
        rulebook = timeline().at(now())
        _begun(month, rulebook, now())
        async with connect() as connection:
            return await month_report(connection, rulebook, month, language=language)

    @routes.get("/forecast", summary="What will move within the next days if nothing happens")
    async def moves_to_come(days: DaysAhead = 7, limit: Limit = 1_000) -> Forecast:
        start = now()
        async with connect() as connection:
            until = start + timedelta(days=days)
            in_all, due, facts = await queries.due(connection, until, limit=limit)
        rulebook = timeline().at(start)
        return forecast(rulebook, due, facts, start=start, days=days, in_all=in_all)

    return routes


def _begun(month: str, rulebook: Rulebook, now: datetime) -> tuple[datetime, datetime]:
    """When a month begins and ends; nothing can be said of one that is still to come."""
    between = month_of(rulebook, month)
    if between[0] > now:
        raise HTTPException(404, f"{month} has not begun")
    return between


def _explained(
    rulebook: Rulebook,
    requested: str,
    found: queries.Found,
    facts: list[Fact],
    sources: list[Source],
    as_of: datetime | None,
    language: Language,
    *,
    advised_at: datetime,
) -> ScoreView:
    """Decides again from the facts known by the day; what was published last must come out."""
    until = rulebook.calendar.day_of(as_of or found.as_of)
    history = rulebook.evidence.history(fact for fact in facts if fact.day <= until)
    if history.first_day == NEVER:
        raise HTTPException(404, f"{found.number} had no score on that day")
    view = explain(
        rulebook,
        history,
        sources,
        as_of=as_of or found.as_of,
        customer=found.number,
        record=found.record,
        requested=requested,
        version=found.version,
        language=language,
        advised_at=advised_at,
    )
    is_what_was_published = as_of is None and found.policy_version == rulebook.version
    if is_what_was_published and as_points(found.hundredths) != view.total:
        metrics.score_mismatches.inc()
        log.error("score.mismatch", customer=found.number, version=found.version)
    return view
