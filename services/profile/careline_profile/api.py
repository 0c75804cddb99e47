"""What profile answers over HTTP: a customer by number or by identity, and how many there are.

No personal value leaves here: identities are shown by kind and token. Protected reads, with roles
and an audit, are the business of REC-7.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Annotated, get_args

from fastapi import APIRouter, HTTPException, Path, Query
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_contracts.events.touchpoints import IdentityKind
from careline_profile import queries
from careline_profile.rules import kind_of
from careline_runtime.access import requires
from careline_runtime.identities import normalise
from careline_runtime.keyring import Keyring

Connect = Callable[[], AbstractAsyncContextManager[AsyncConnection]]

Number = Annotated[str, Path(pattern="^C[0-9A-HJKMNP-TV-Z]{12}$", description="Customer number")]
MAX_IDENTITY_LENGTH = 300
IN_CLEAR = "`kind:value` in clear, for example `phone:+8613912345670` or `member_card:7`."
Identity = Annotated[str, Query(max_length=MAX_IDENTITY_LENGTH, description=IN_CLEAR)]


class Lookup(BaseModel):
    """Whom one looks for."""

    identity: str = Field(max_length=MAX_IDENTITY_LENGTH, description=IN_CLEAR)


class IdentityView(BaseModel):
    """One identity, without its value."""

    kind: str
    identity: str
    since: datetime


class CustomerView(BaseModel):
    """A customer as it is now."""

    customer: str
    requested: str
    """What was asked for: an absorbed number, perhaps."""
    merged_into: str | None
    """Where `requested` went, when it is an absorbed number."""
    version: int
    created_at: datetime
    aliases: list[str]
    identities: list[IdentityView]
    source_channel: str | None
    """Where the first contact was."""
    first_contact_at: datetime | None
    last_contact_at: datetime | None
    touchpoints: dict[str, int]
    """By channel."""


class Summary(BaseModel):
    """How many of each there are."""

    customers: int
    identities: int
    merged: int
    reviews: int


def router(connect: Connect, keyring: Keyring) -> APIRouter:
    """The routes; `connect` opens a connection to profile's database."""
    routes = APIRouter(prefix="/v1", tags=["customers"], dependencies=[requires("customers.read")])

    @routes.get(
        "/customers",
        summary="The customer who has an identity",
        description="Proxies log addresses: for a phone number or an e-mail, POST is the way.",
    )
    async def customer_by_identity(identity: Identity) -> CustomerView:
        async with connect() as connection:
            return await _find(connection, _reference(identity, keyring))

    @routes.post("/customers/lookup", summary="The same, with the identity in the body")
    async def lookup(lookup: Lookup) -> CustomerView:
        async with connect() as connection:
            return await _find(connection, _reference(lookup.identity, keyring))

    @routes.get("/customers/{number}", summary="A customer by number; absorbed numbers resolve")
    async def customer_by_number(number: Number) -> CustomerView:
        async with connect() as connection:
            return await _view(connection, number)

    @routes.get("/summary", summary="Customers, identities, merges and open reviews")
    async def summary() -> Summary:
        async with connect() as connection:
            return Summary(**await queries.summary(connection))

    return routes


def _reference(identity: str, keyring: Keyring) -> str:
    kind, _, value = identity.partition(":")
    kinds: tuple[IdentityKind, ...] = get_args(IdentityKind)
    for known in kinds:
        if kind == known:
            try:
                return keyring.reference(known, normalise(known, value))
            except ValueError as error:
                raise HTTPException(422, str(error)) from error
    raise HTTPException(422, f"an identity is kind:value, the kind one of {', '.join(kinds)}")


async def _find(connection: AsyncConnection, ref: str) -> CustomerView:
    number = await queries.customer_of(connection, ref)
    if number is None:
        raise HTTPException(404, "no customer has this identity")
    return await _view(connection, number)


async def _view(connection: AsyncConnection, requested: str) -> CustomerView:
    customer = await queries.customer(connection, requested)
    if customer is None:
        raise HTTPException(404, f"no customer has the number {requested}")
    contacts = await queries.contacts(connection, customer.number)
    earliest = min(contacts, key=lambda c: (c.first_at, c.channel), default=None)
    return CustomerView(
        customer=customer.number,
        requested=requested,
        merged_into=customer.number if customer.number != requested else None,
        version=customer.version,
        created_at=customer.created_at,
        aliases=customer.aliases,
        identities=[
            IdentityView(kind=kind_of(ref), identity=ref, since=recorded_at)
            for ref, recorded_at in await queries.identities(connection, customer.number)
        ],
        source_channel=earliest.channel if earliest else None,
        first_contact_at=earliest.first_at if earliest else None,
        last_contact_at=max((c.last_at for c in contacts), default=None),
        touchpoints={c.channel: c.touchpoints for c in contacts},
    )
