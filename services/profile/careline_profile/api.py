"""What profile answers over HTTP: a customer by number or by identity, and how many there are.

No personal value leaves here: identities are shown by kind and token. Protected reads, with roles
and an audit, are the business of REC-7.
"""

from typing import Annotated, get_args

from fastapi import APIRouter, HTTPException, Query, Response
from pydantic import AwareDatetime, BaseModel, Field

from careline_contracts.events.touchpoints import IdentityKind
from careline_profile import queries
from careline_profile.card import NOW, Cards, CustomerView, FutureUnknown, Instant
from careline_profile.card_cache import CardCache
from careline_profile.numbers import Number, no_customer
from careline_runtime.access import requires
from careline_runtime.database import Connect
from careline_runtime.identities import normalise
from careline_runtime.keyring import Keyring

MAX_IDENTITY_LENGTH = 300
IN_CLEAR = "`kind:value` in clear, for example `phone:+8613912345670` or `member_card:7`."
Identity = Annotated[str, Query(max_length=MAX_IDENTITY_LENGTH, description=IN_CLEAR)]


class Lookup(BaseModel):
    """Whom one looks for."""

    identity: str = Field(max_length=MAX_IDENTITY_LENGTH, description=IN_CLEAR)


class Summary(BaseModel):
    """How many of each there are."""

    customers: int
    identities: int
    merged: int
    reviews: int


def router(
    connect: Connect, cards: Cards, keyring: Keyring, cache: CardCache | None = None
) -> APIRouter:
    """The routes; `connect` opens a connection to profile's database.

    Cards as they are now come from the `cache`, where there is one.
    """

    async def shown_now(number: str) -> Response:
        if cache is None:
            return _json((await _shown(cards, number)).model_dump_json())
        card = await cache.card(number, lambda: cards.customer(number))
        if card is None:
            raise no_customer(number)
        return _json(card)

    async def shown_by(identity: str) -> Response:
        ref = _reference(identity, keyring)
        if cache is None:
            return await shown_now(await _number_of(cards, ref))
        card = await cache.card_with(ref, lambda: cards.number_of(ref), cards.customer)
        if card is None:
            raise _no_customer_has_it()
        return _json(card)

    routes = APIRouter(prefix="/v1", tags=["customers"], dependencies=[requires("customers.read")])

    @routes.get(
        "/customers",
        summary="The customer who has an identity",
        description="Proxies log addresses: for a phone number or an e-mail, POST is the way.",
        response_model=CustomerView,
    )
    async def customer_by_identity(identity: Identity) -> Response:
        return await shown_by(identity)

    @routes.post(
        "/customers/lookup",
        summary="The same, with the identity in the body",
        response_model=CustomerView,
    )
    async def lookup(lookup: Lookup) -> Response:
        return await shown_by(lookup.identity)

    @routes.get(
        "/customers/{number}",
        summary="A customer by number, now or as it was; absorbed numbers resolve",
        description="The answer for a `known_at` never changes, whatever arrives later.",
        response_model=CustomerView,
    )
    async def customer_by_number(
        number: Number,
        as_of: Annotated[
            AwareDatetime | None, Query(description="What was so then, contacts too.")
        ] = None,
        known_at: Annotated[
            AwareDatetime | None, Query(description="As far as it was known then.")
        ] = None,
    ) -> Response:
        at = Instant(as_of, known_at)
        if at == NOW:
            return await shown_now(number)
        return _json((await _shown(cards, number, at)).model_dump_json())

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


async def _number_of(cards: Cards, ref: str) -> str:
    number = await cards.number_of(ref)
    if number is None:
        raise _no_customer_has_it()
    return number


async def _shown(cards: Cards, number: str, at: Instant = NOW) -> CustomerView:
    try:
        customer = await cards.customer(number, at)
    except FutureUnknown as error:
        raise HTTPException(422, str(error)) from None
    if customer is None:
        raise no_customer(number)
    return customer


def _no_customer_has_it() -> HTTPException:
    return HTTPException(404, "no customer has this identity")


def _json(card: str) -> Response:
    """A card that is JSON already: to read it only to write it again would take half the time."""
    return Response(card, media_type="application/json")
