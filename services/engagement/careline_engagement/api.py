"""HTTP for people and programs that look: retention cases and their sums."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel

from careline_contracts.events.engagement import CaseStatus, CaseStep
from careline_contracts.events.scoring import Tier
from careline_engagement import queries
from careline_engagement.model import Case
from careline_runtime.access import requires
from careline_runtime.service import Service

MOST_CASES = 1_000


class StepView(BaseModel):
    """One step of a case; `detail` is the cause that was found or the offer that was made."""

    step: CaseStep
    due_at: datetime
    done_at: datetime | None = None
    breached_at: datetime | None = None
    detail: str | None = None


class CaseView(BaseModel):
    """A retention case. `customer` is the present number, also after a merge."""

    case: str
    customer: str
    version: int
    status: CaseStatus
    tier: Tier
    reasons: tuple[str, ...]
    opened_at: datetime
    ends_at: datetime
    steps: tuple[StepView, ...]
    closed_at: datetime | None = None
    closed_reason: str | None = None
    policy_version: str


class CaseList(BaseModel):
    cases: list[CaseView]


class CaseSums(BaseModel):
    """`breached`: cases with at least one missed step."""

    opened: int
    saved: int
    lost: int
    withdrawn: int
    breached: int
    open: int


class Summary(BaseModel):
    """`suppressed`: warnings that opened no case, by reason."""

    cases: CaseSums
    suppressed: dict[str, int]


def router(service: Service) -> APIRouter:
    """The routes of engagement."""
    routes = APIRouter(prefix="/v1", tags=["engagement"], dependencies=[requires("cases.read")])

    @routes.get("/cases", summary="Retention cases, newest first", response_model_exclude_none=True)
    async def cases(
        status: CaseStatus | None = None,
        customer: Annotated[str | None, Query(min_length=1, max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_CASES)] = 100,
    ) -> CaseList:
        async with service.engine.connect() as connection:
            found = await queries.find_cases(
                connection, status=status, customer=customer, limit=limit
            )
        return CaseList(cases=[_view(holder, case) for holder, case in found])

    @routes.get("/cases/{id}", summary="One retention case", response_model_exclude_none=True)
    async def case(id: str) -> CaseView:
        async with service.engine.connect() as connection:
            found = await queries.get_case(connection, id)
        if found is None:
            raise HTTPException(404, f"there is no case {id}")
        return _view(*found)

    @routes.get("/summary", summary="How many cases are how, and how many were not opened")
    async def summary() -> Summary:
        async with service.engine.connect() as connection:
            sums, suppressed = await queries.sums(connection)
        return Summary(cases=CaseSums(**sums), suppressed=suppressed)

    return routes


def _view(holder: str, case: Case) -> CaseView:
    return CaseView(
        case=case.id,
        customer=holder,
        version=case.version,
        status=case.status,
        tier=case.tier,
        reasons=case.reasons,
        opened_at=case.opened_at,
        ends_at=case.ends_at,
        steps=tuple(
            StepView(
                step=name,
                due_at=step.due_at,
                done_at=step.done_at,
                breached_at=step.breached_at,
                detail=step.detail or None,
            )
            for name, step in case.steps.items()
        ),
        closed_at=case.closed_at,
        closed_reason=case.closed_reason or None,
        policy_version=case.policy_version,
    )
