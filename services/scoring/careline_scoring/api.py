"""What scoring answers over HTTP: a customer's score taken apart to the point, and the sums."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from decimal import Decimal
from typing import Annotated, get_args

import structlog
from fastapi import APIRouter, HTTPException, Path
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_contracts.events.scoring import Need, Risk, Tier, Value
from careline_runtime.access import requires
from careline_runtime.followed_policy import Timeline
from careline_scoring import metrics, queries
from careline_scoring.model import Fact
from careline_scoring.rules import Rulebook, as_points
from careline_scoring.rules.reasons import REASONS

log = structlog.get_logger(__name__)

Connect = Callable[[], AbstractAsyncContextManager[AsyncConnection]]
Number = Annotated[str, Path(min_length=1, max_length=200, description="Customer number")]


class Contribution(BaseModel):
    """The points of one measure; `evidence` is its value, absent when there is no evidence."""

    dimension: str
    measure: str
    evidence: int | None
    points: Decimal
    expires_at: datetime | None
    """When the points change if nothing happens."""


class TagsView(BaseModel):
    value: Value
    need: Need
    risk: Risk


class ScoreView(BaseModel):
    """A customer's score as of its last decision; the contributions sum to `total` exactly."""

    customer: str
    requested: str
    """What was asked for: an absorbed number, perhaps."""
    version: int
    as_of: datetime
    policy_version: str
    total: Decimal
    dimensions: dict[str, Decimal]
    contributions: list[Contribution]
    tags: TagsView
    tier: Tier
    reasons: dict[str, list[str]]
    left_out: dict[str, int]
    """Amounts in currencies without a rate: how many were not counted as money."""
    next_change_at: datetime | None


class Summary(BaseModel):
    """How many customers there are, by each verdict."""

    customers: int
    tiers: dict[Tier, int]
    value: dict[Value, int]
    need: dict[Need, int]
    risk: dict[Risk, int]


def router(connect: Connect, timeline: Callable[[], Timeline[Rulebook]]) -> APIRouter:
    """The routes; `connect` opens a connection to scoring's database."""
    routes = APIRouter(prefix="/v1", tags=["scoring"], dependencies=[requires("scores.read")])

    @routes.get(
        "/customers/{number}/score", summary="A score, point by point; absorbed numbers resolve"
    )
    async def score(number: Number) -> ScoreView:
        async with connect() as connection:
            found = await queries.find(connection, number)
        if found is None:
            raise HTTPException(404, f"no customer has the number {number}")
        rulebook = timeline().at(found[0].as_of)
        return _view(rulebook, number, *found)

    @routes.get("/summary", summary="How many customers are in each tier and carry each tag")
    async def summary() -> Summary:
        async with connect() as connection:
            sums = await queries.count(connection)
        return Summary(
            customers=sum(sums["tiers"].values()),
            tiers={name: sums["tiers"].get(name, 0) for name in get_args(Tier)},
            value={name: sums["value"].get(name, 0) for name in get_args(Value)},
            need={name: sums["need"].get(name, 0) for name in get_args(Need)},
            risk={name: sums["risk"].get(name, 0) for name in get_args(Risk)},
        )

    return routes


def _view(rulebook: Rulebook, requested: str, found: queries.Found, facts: list[Fact]) -> ScoreView:
    """Decides again from the facts: what was published must come out, by the same policy."""
    history = rulebook.evidence.history(facts)
    day, begins = rulebook.calendar.day_of(found.as_of), rulebook.calendar.begins
    decision = rulebook.decide(history, day)
    if found.policy_version == rulebook.version and found.hundredths != decision.total:
        metrics.score_mismatches.inc()
        log.error("score.mismatch", customer=found.number, version=found.version)
    return ScoreView(
        customer=found.number,
        requested=requested,
        version=found.version,
        as_of=found.as_of,
        policy_version=rulebook.version,
        total=as_points(decision.total),
        dimensions=rulebook.dimensions(decision.points),
        contributions=[
            Contribution(
                dimension=dimension,
                measure=measure.measure,
                evidence=reading.value,
                points=as_points(reading.points),
                expires_at=begins(reading.change_day),
            )
            for (dimension, measure), reading in zip(
                rulebook.measures, rulebook.readings(history, day), strict=True
            )
        ],
        tags=TagsView(value=decision.value, need=decision.need, risk=decision.risk),
        tier=decision.tier,
        reasons={
            verdict: list(why(rulebook, history, decision)) for verdict, why in REASONS.items()
        },
        left_out=history.left_out,
        next_change_at=begins(decision.change_day),
    )
