"""HTTP about cases: what is done for whom, by when, and what may be offered."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel

from careline_contracts.events.engagement import CaseStatus, OfferDecided
from careline_contracts.events.scoring import Tier
from careline_contracts.topics import FOLLOW_UPS
from careline_engagement import queries
from careline_engagement.contacts_api import Accepted
from careline_engagement.model import Case, Step
from careline_engagement.rules import Book
from careline_engagement.rules.offers import ABOVE_LIMIT, waiting_for
from careline_runtime.access import Caller, requires
from careline_runtime.clock import Now
from careline_runtime.database import Connect
from careline_runtime.unit_of_work import Work

MOST = 1_000
Verdict = Literal[
    "running", "done", "late", "missed", "sent", "held", "suppressed", "passed", "cancelled"
]
"""`cancelled`: the case ended before the step did."""
Customer = Annotated[str | None, Query(min_length=1, max_length=200)]
Limit = Annotated[int, Query(ge=1, le=MOST)]


class StepView(BaseModel):
    """One step of a case; `detail` is what was found or offered, by what the customer replied, or
    what stood against a contact."""

    step: str
    due_at: datetime | None = None
    done_at: datetime | None = None
    breached_at: datetime | None = None
    sent_at: datetime | None = None
    held_until: datetime | None = None
    suppressed_at: datetime | None = None
    detail: str | None = None
    verdict: Verdict


class CaseView(BaseModel):
    """A case of a playbook. `customer` is the present number, also after a merge."""

    case: str
    customer: str
    playbook: str
    key: str | None = None
    version: int
    status: CaseStatus
    tier: Tier | None
    reasons: tuple[str, ...]
    opened_at: datetime
    ends_at: datetime
    steps: tuple[StepView, ...]
    closed_at: datetime | None = None
    closed_reason: str | None = None
    policy_version: str
    owner: str | None = None
    """Who has its open work, if it asks something of the account manager."""
    playbook_version: int | None = None
    """Of the wording that it runs on."""


class CaseList(BaseModel):
    cases: list[CaseView]


class CaseSums(BaseModel):
    """`breached`: cases with at least one missed step."""

    opened: int
    saved: int
    lost: int
    withdrawn: int
    reached: int
    ended: int
    breached: int
    open: int


class Summary(BaseModel):
    """`suppressed`: entries that opened no case, by reason. Who is held out counts as unopened."""

    cases: CaseSums
    playbooks: dict[str, CaseSums]
    suppressed: dict[str, int]
    contacts: dict[str, int]


class OfferDecision(BaseModel):
    """Whether an offer that waits for approval may be made."""

    approved: bool


def router(connect: Connect, work: Work, now: Now, book: Callable[[], Book]) -> APIRouter:
    """The routes about cases."""
    routes = APIRouter(prefix="/v1", tags=["engagement"], dependencies=[requires("cases.read")])

    @routes.get("/cases", summary="Cases, newest first", response_model_exclude_none=True)
    async def cases(
        status: CaseStatus | None = None,
        playbook: Customer = None,
        customer: Customer = None,
        owner: Customer = None,
        limit: Limit = 100,
    ) -> CaseList:
        async with connect() as connection:
            found = await queries.find_cases(
                connection,
                status=status,
                playbook=playbook,
                customer=customer,
                owner=owner,
                limit=limit,
            )
        return _listed(found, playbook, book())

    @routes.get("/cases/{id}", summary="One case", response_model_exclude_none=True)
    async def case(id: str) -> CaseView:
        async with connect() as connection:
            found = await queries.get_case(connection, id)
        if found is None:
            raise HTTPException(404, f"there is no case {id}")
        return _view(*found, book())

    @routes.post(
        "/cases/{id}/offer-decisions", status_code=202, summary="Let an offer pass, or not"
    )
    async def decide_offer(
        id: str, decision: OfferDecision, caller: Annotated[Caller, requires("cases.approve")]
    ) -> Accepted:
        async with connect() as connection:
            found = await queries.get_case(connection, id)
        if found is None:
            raise HTTPException(404, f"there is no case {id}")
        holder, case = found
        against = waiting_for(case)
        if against is None:
            raise HTTPException(409, f"no offer of case {id} waits for a decision")
        if against == ABOVE_LIMIT and decision.approved:
            raise HTTPException(409, f"the offer of case {id} is above the limit of its tier")
        said = OfferDecided(customer=holder, case=id, approved=decision.approved, by=caller.subject)
        event_id = f"{id}-{case.revision}-offer-decision"
        async with work() as unit:
            unit.say(FOLLOW_UPS, said, key=holder, id=event_id, recorded_at=now())
        return Accepted(id=event_id)

    @routes.get("/summary", summary="How many cases are how, and how many were not opened")
    async def summary() -> Summary:
        async with connect() as connection:
            counted = await queries.count_cases(connection)
            unopened = await queries.count_unopened(connection)
            contacts = await queries.count_contacts(connection)
        return Summary(
            cases=_sums(counted),
            playbooks={
                name: _sums(row for row in counted if row[0] == name)
                for name in sorted({row[0] for row in counted})
            },
            suppressed=unopened,
            contacts=contacts,
        )

    return routes


def _listed(found: Sequence[tuple[str, Case]], playbook: str | None, book: Book) -> CaseList:
    """No cases of a playbook are one thing, a misspelt playbook is another."""
    if playbook is not None and not found and not book.knows(playbook):
        raise HTTPException(404, f"there is no playbook {playbook}")
    return CaseList(cases=[_view(holder, case, book) for holder, case in found])


def _view(holder: str, case: Case, book: Book) -> CaseView:
    return CaseView(
        case=case.id,
        customer=holder,
        playbook=case.playbook,
        key=case.key or None,
        version=case.version,
        status=case.status,
        tier=case.tier,
        reasons=case.reasons,
        opened_at=case.opened_at,
        ends_at=case.ends_at,
        steps=tuple(_step(name, step, case) for name, step in case.steps.items()),
        closed_at=case.closed_at,
        closed_reason=case.closed_reason or None,
        policy_version=case.policy_version,
        owner=case.owner or None,
        playbook_version=book.version_of(case),
    )


def _sums(counted: Iterable[Sequence[Any]]) -> CaseSums:
    by_status: Counter[str] = Counter()
    breached = 0
    for _, status, cases, missed in counted:
        by_status[status] += cases
        breached += missed
    statuses = ("saved", "lost", "withdrawn", "reached", "ended", "open")
    return CaseSums(
        opened=by_status.total(),
        breached=breached,
        **{status: by_status[status] for status in statuses},
    )


def _step(name: str, step: Step, case: Case) -> StepView:
    fields = step._asdict() | {"detail": step.detail or None}
    verdict = _verdict(step)
    if verdict in ("running", "held") and not case.is_open:
        verdict = "cancelled"
    return StepView(step=name, verdict=verdict, **fields)


def _verdict(step: Step) -> Verdict:
    if step.suppressed_at:
        return "suppressed"
    if step.sent_at:
        return "sent"
    if step.due_at is None:
        return "passed" if step.done_at or not step.held_until else "held"
    if step.done_at:
        return "late" if step.breached_at else "done"
    return "missed" if step.breached_at else "running"
