"""Protected reads and the audit over HTTP; second factors and the access of the staff."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Response
from pydantic import BaseModel, Field, StringConstraints

from careline_profile.numbers import Number, no_customer
from careline_profile.protection import codes, store
from careline_profile.protection.reading import SEALED_REASON, Protection, Request
from careline_profile.reasons import Given, Reason
from careline_runtime.access import Caller, requires
from careline_runtime.access.policy import View
from careline_runtime.database import Connect
from careline_runtime.keyring import Keyring
from careline_runtime.unit_of_work import Work

Code = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]
MOST_ENTRIES = 1_000


class Look(BaseModel):
    """What one wants to see, and why."""

    reason: Reason
    """Kept in the audit: a ticket, a call, a complaint."""
    fields: Annotated[
        list[Annotated[str, StringConstraints(max_length=64)]], Field(max_length=50)
    ] = []
    """None: all that the customer has."""
    code: Code | None = None
    """The one-time code, for the most sensitive fields."""


class FieldView(BaseModel):
    """A field as the caller may see it."""

    view: View
    values: list[str]
    needs_code: bool
    """A one-time code would show more."""


class ProtectedView(BaseModel):
    """Protected fields of a customer."""

    customer: str
    requested: str
    fields: dict[str, FieldView]
    audit: int
    """The entry in the audit that this read left."""


class Enrolled(BaseModel):
    """Shown once: for an authenticator app."""

    secret: str
    address: str
    """What the app scans as a QR code."""


class Enrol(BaseModel):
    code: Code | None = None
    """Of the second factor that works now, if there is one."""


class Withdraw(Given):
    """Who is to lose access."""

    subject: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class Withdrawn(BaseModel):
    """Tokens of the subject that were issued until then are worth nothing."""

    subject: str
    withdrawn_at: datetime


class AuditEntry(BaseModel):
    """Who did what with whose data, why, and what came of it."""

    sequence: int
    at: datetime
    subject: str
    roles: list[str]
    action: str
    customer: str
    fields: list[str]
    outcome: str
    reason: str | None
    """Forgotten with its customer."""
    hash: str


class Audit(BaseModel):
    entries: list[AuditEntry]


def router(connect: Connect, work: Work, protection: Protection, keyring: Keyring) -> APIRouter:
    """The routes; `work` opens a unit of work, `connect` a connection to profile's database."""
    routes = APIRouter(prefix="/v1", tags=["protection"])

    @routes.post(
        "/customers/{number}/protected",
        summary="Protected fields, clear or masked as the caller's roles allow; audited",
        responses={403: {"description": "Not with these roles, or not with this code"}},
    )
    async def read_protected(
        number: Number,
        look: Look,
        response: Response,
        caller: Annotated[Caller, requires("fields.read")],
    ) -> ProtectedView:
        request = Request(caller, number, look.fields, look.reason, look.code or "")
        async with work() as unit:
            reading = await protection.read(unit, request)
        if reading is None:
            raise no_customer(number)
        if reading.refused:
            raise HTTPException(403, reading.refused)
        # neither a browser nor a proxy keeps what was shown to one person for one reason
        response.headers["Cache-Control"] = "no-store"
        fields = {name: FieldView(**seen._asdict()) for name, seen in reading.fields.items()}
        return ProtectedView(
            customer=reading.customer, requested=number, fields=fields, audit=reading.sequence
        )

    @routes.get(
        "/audit",
        summary="Who saw whose protected fields, and why; oldest first",
        dependencies=[requires("audit.read")],
    )
    async def audit(
        after: Annotated[int, Query(ge=0)] = 0,
        customer: Annotated[str | None, Query(max_length=64)] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_ENTRIES)] = 100,
    ) -> Audit:
        async with connect() as connection:
            kept = await store.entries(connection, after=after, limit=limit, customer=customer)
        return Audit(entries=[_entry(one, keyring) for one in kept])

    return routes


def staff_router(work: Work, protection: Protection) -> APIRouter:
    """The routes about people who work here: their second factors and their access."""
    routes = APIRouter(prefix="/v1", tags=["staff"])

    @routes.post("/second-factor", summary="Enrol for one-time codes; the secret is shown once")
    async def enrol(
        enrol: Enrol, response: Response, caller: Annotated[Caller, requires("fields.read")]
    ) -> Enrolled:
        async with work() as unit:
            secret = await protection.enrol(unit, caller, enrol.code or "")
        if secret is None:
            raise HTTPException(403, "a second factor works already: its present code is needed")
        response.headers["Cache-Control"] = "no-store"
        return Enrolled(secret=secret, address=codes.address(secret, caller.subject))

    @routes.post(
        "/second-factors/{subject}/reset", status_code=204, summary="For somebody who lost theirs"
    )
    async def reset(
        subject: str, given: Given, caller: Annotated[Caller, requires("codes.reset")]
    ) -> None:
        async with work() as unit:
            had_one = await protection.reset(unit, caller, subject, given.reason)
        if not had_one:
            raise HTTPException(404, f"{subject} has no second factor")

    @routes.post(
        "/access-withdrawals",
        summary="Somebody's tokens are worth nothing from now on, in every service; audited",
    )
    async def withdraw(
        withdraw: Withdraw, caller: Annotated[Caller, requires("access.withdraw")]
    ) -> Withdrawn:
        async with work() as unit:
            at = await protection.withdraw(unit, caller, withdraw.subject, withdraw.reason)
        return Withdrawn(subject=withdraw.subject, withdrawn_at=at)

    return routes


def _entry(kept: store.Kept, keyring: Keyring) -> AuditEntry:
    entry, sealed = kept
    reason = None if sealed is None else keyring.open(SEALED_REASON, sealed)
    return AuditEntry(
        sequence=entry.sequence, at=entry.at, hash=entry.hash, reason=reason, **entry.deed._asdict()
    )
