"""HTTP about those who look after customers: when they are away, and who stands in (CARE-7)."""

from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Header
from pydantic import BaseModel, model_validator

from careline_contracts.events.engagement import AbsenceNoted
from careline_contracts.payload import Instant, ShortText
from careline_contracts.topics import ABSENCES
from careline_engagement import queries
from careline_engagement.contacts_api import Accepted
from careline_runtime.access import Caller, requires
from careline_runtime.clock import Now
from careline_runtime.database import Connect
from careline_runtime.unit_of_work import Work


class Absence(BaseModel):
    """From when until when somebody is away, and who has their work then.

    An absence that ends when it begins is called off.
    """

    begins_at: Instant
    ends_at: Instant
    deputy: ShortText

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.ends_at < self.begins_at:
            raise ValueError("it ends before it begins")
        return self


class AbsenceView(Absence):
    absence: str
    noted_at: datetime


class AbsenceList(BaseModel):
    absences: list[AbsenceView]


def router(connect: Connect, work: Work, now: Now) -> APIRouter:
    """The routes about owners."""
    routes = APIRouter(prefix="/v1", tags=["owners"])

    @routes.get(
        "/owners/{owner}/absences",
        summary="When somebody is away",
        dependencies=[requires("cases.read")],
    )
    async def absences(owner: str) -> AbsenceList:
        async with connect() as connection:
            found = await queries.absences_of(connection, owner)
        return AbsenceList(
            absences=[
                AbsenceView(
                    absence=a.name,
                    begins_at=a.begins_at,
                    ends_at=a.ends_at,
                    deputy=a.deputy,
                    noted_at=a.at,
                )
                for a in found
            ]
        )

    @routes.put(
        "/owners/{owner}/absences/{name}",
        status_code=202,
        summary="Note that somebody is away, or when else",
    )
    async def note(
        owner: ShortText,
        name: ShortText,
        absence: Absence,
        idempotency_key: Annotated[str, Header(min_length=1, max_length=200)],
        caller: Annotated[Caller, requires("cases.work")],
    ) -> Accepted:
        said = AbsenceNoted(owner=owner, absence=name, by=caller.subject, **absence.model_dump())
        id = f"absence-{owner}-{name}-{idempotency_key}"
        async with work() as unit:
            unit.say(ABSENCES, said, key=owner, id=id, recorded_at=now())
        return Accepted(id=id)

    return routes
