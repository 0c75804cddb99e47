"""HTTP about contacts with a customer: what went out, what stood against it, what came of it."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Header, HTTPException, Query
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_contracts.events.engagement import FollowUpRecorded
from careline_contracts.events.touchpoints import ContactChannel, MinorUnits
from careline_contracts.payload import Instant, ShortText
from careline_contracts.topics import FOLLOW_UPS
from careline_engagement import queries
from careline_engagement.model import Family
from careline_engagement.rules import Book
from careline_engagement.store.cases import Asked
from careline_engagement.store.families import read_family
from careline_runtime.access import Caller, requires
from careline_runtime.clock import Now
from careline_runtime.database import Connect
from careline_runtime.unit_of_work import Work

MOST = 1_000
Limit = Annotated[int, Query(ge=1, le=MOST)]


class ContactView(BaseModel):
    """An outreach that a case asked for, and what became of it."""

    at: datetime
    verdict: Literal["sent", "held", "suppressed"]
    channel: str
    purpose: str
    playbook: str
    case: str
    step: str
    reason: str | None = None
    earliest_at: datetime | None = None
    """When there is room for it, or would have been."""


class ContactList(BaseModel):
    contacts: list[ContactView]


class FollowUp(BaseModel):
    """What came of a contact (CARE-6). Codes and short words: nothing that names a customer."""

    contact_channel: ContactChannel
    result: Literal["reached", "not_reached", "call_back", "declined"]
    case: ShortText | None = None
    need: ShortText | None = None
    cause: ShortText | None = None
    offer: ShortText | None = None
    offer_minor: MinorUnits | None = None
    next_contact_at: Instant | None = None
    owner: ShortText | None = None


class FollowUpView(FollowUp):
    at: datetime
    by: str


class FollowUpList(BaseModel):
    follow_ups: list[FollowUpView]


class Accepted(BaseModel):
    """It is on its way: the id under which it is said. Sent again under the same key, it is one."""

    id: str


def router(connect: Connect, work: Work, now: Now, book: Callable[[], Book]) -> APIRouter:
    """The routes about contacts."""
    routes = APIRouter(prefix="/v1", tags=["customers"])
    reads = [requires("cases.read")]

    async def known(connection: AsyncConnection, number: str) -> Family:
        family = await read_family(connection, number, kept=book().facts_kept)
        if family is None:
            raise HTTPException(404, f"nothing is known of customer {number}")
        return family

    @routes.get(
        "/customers/{number}/contacts",
        summary="How a customer was contacted, and what stood against it",
        response_model_exclude_none=True,
        dependencies=reads,
    )
    async def contacts(number: str, limit: Limit = 100) -> ContactList:
        async with connect() as connection:
            found = await queries.contacts_of(connection, number, limit=limit)
            if not found:
                await known(connection, number)
        return ContactList(contacts=[_contact(asked) for asked in found])

    @routes.get(
        "/customers/{number}/follow-ups",
        summary="What came of contacts, newest first",
        response_model_exclude_none=True,
        dependencies=reads,
    )
    async def follow_ups(number: str, limit: Limit = 100) -> FollowUpList:
        async with connect() as connection:
            found = await queries.follow_ups_of(connection, number, limit=limit)
            if not found:
                await known(connection, number)
        return FollowUpList(
            follow_ups=[FollowUpView(at=at, **said.model_dump()) for at, said in found]
        )

    @routes.post(
        "/customers/{number}/follow-ups", status_code=202, summary="Note what came of a contact"
    )
    async def record_follow_up(
        number: str,
        follow_up: FollowUp,
        caller: Annotated[Caller, requires("cases.work")],
        idempotency_key: Annotated[str, Header(min_length=1, max_length=200)],
    ) -> Accepted:
        async with connect() as connection:
            # a slip of the pen would be a customer of whom nothing else is ever heard
            family = await known(connection, number)
            if follow_up.case is not None:
                found = await queries.get_case(connection, follow_up.case)
                if found is None or found[0] != family.root:
                    raise HTTPException(404, f"customer {number} has no case {follow_up.case}")
        said = FollowUpRecorded(customer=number, by=caller.subject, **follow_up.model_dump())
        id = f"follow-up-{number}-{idempotency_key}"
        async with work() as unit:
            unit.say(FOLLOW_UPS, said, key=number, id=id, recorded_at=now())
        return Accepted(id=id)

    return routes


def _contact(asked: Asked) -> ContactView:
    return ContactView(
        at=asked.at,
        verdict=asked.verdict,
        channel=asked.channel,
        purpose=asked.purpose,
        playbook=asked.playbook,
        case=asked.case,
        step=asked.step,
        reason=asked.reason or None,
        earliest_at=asked.earliest_at,
    )
