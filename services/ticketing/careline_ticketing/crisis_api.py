"""What ticketing answers about crises over HTTP, and how one is closed with what was learned."""

from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from careline_contracts.events.ticketing import CrisisState
from careline_contracts.payload import ShortText
from careline_runtime.access import Caller, requires
from careline_runtime.clock import Now
from careline_runtime.database import Connect
from careline_runtime.unit_of_work import Work
from careline_ticketing import crises, queries
from careline_ticketing.policy import InForceAt
from careline_ticketing.store.crises import find

CrisisNumber = Annotated[str, Path(max_length=40)]


class Crises(BaseModel):
    """Crises, the latest first."""

    crises: list[CrisisState]


class PostMortem(BaseModel):
    """What was learned of a crisis."""

    model_config = ConfigDict(extra="forbid")

    cause: ShortText
    lesson: ShortText | None = None
    actions: Annotated[tuple[ShortText, ...], Field(max_length=50)] = ()


def router(connect: Connect, work: Work, policies: InForceAt, now: Now) -> APIRouter:
    """The routes about crises."""
    routes = APIRouter(prefix="/v1", tags=["crises"], dependencies=[requires("tickets.read")])

    @routes.get("/crises", summary="Crises, the latest first")
    async def found(
        status: Literal["open", "closed"] | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Crises:
        async with connect() as connection:
            known = await queries.crises(connection, status=status, limit=limit)
        return Crises(crises=[crises.state(crisis) for crisis in known])

    @routes.get("/crises/{id}", summary="One crisis")
    async def crisis(id: CrisisNumber) -> CrisisState:
        async with connect() as connection:
            one = await find(connection, id)
        if one is None:
            raise HTTPException(404, f"there is no crisis {id}")
        return crises.state(one)

    @routes.post("/crises/{id}/close", summary="A crisis is over; twice is once")
    async def close(
        id: CrisisNumber,
        learned: PostMortem,
        caller: Annotated[Caller, requires("tickets.work")],
    ) -> CrisisState:
        async with work() as unit:
            one = await find(unit.connection, id)
            if one is None:
                raise HTTPException(404, f"there is no crisis {id}")
            if one.closed_at is None:
                at = now()
                one = replace(
                    one,
                    version=one.version + 1,
                    closed_at=at,
                    closed_by=caller.subject,
                    **learned.model_dump(),
                )
                await crises.close(unit, one, at, policies(at))
        return crises.state(one)

    return routes
