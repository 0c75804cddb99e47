"""The review queue over HTTP: links with their evidence side by side, approved, refused or cut."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Path, Query
from pydantic import BaseModel, StringConstraints
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_contracts.events.profile import Apart
from careline_profile import queries as customer_queries
from careline_profile.in_force import InForce
from careline_profile.model import Pair
from careline_profile.numbers import Number, no_customer
from careline_profile.reasons import Reason
from careline_profile.reviews import queries
from careline_profile.reviews.deciding import VERDICT_REASON, Outcome, Undecidable, Word, decide
from careline_profile.rules import kind_of, link_name
from careline_runtime.access import Caller, requires
from careline_runtime.clock import Now
from careline_runtime.database import Connect
from careline_runtime.unit_of_work import Work

NAME = "^L[0-9A-HJKMNP-TV-Z]{12}$"
LinkName = Annotated[str, Path(pattern=NAME, description="The name of a link")]
MOST_REVIEWS = 500


class Evidence(BaseModel):
    """The first event of a source in a month that named both identities."""

    source: str
    occurred_at: datetime
    event: str


class VerdictView(BaseModel):
    """What a person decided; the last one holds."""

    is_one: bool
    at: datetime
    by: str
    reason: str


class LinkView(BaseModel):
    """Two identities that events named together."""

    link: str
    identities: tuple[str, str]
    held: Apart | None
    """Why it joins nobody; None where it joins."""
    kind: str | None
    """The kind of which there would be two."""
    evidence: list[Evidence]
    verdicts: list[VerdictView]


class Links(BaseModel):
    customer: str
    links: list[LinkView]


class Waiting(BaseModel):
    """A held link in the queue."""

    link: str
    kinds: tuple[str, str]
    held: Apart
    kind: str | None
    since: datetime


class Queue(BaseModel):
    reviews: list[Waiting]
    next: str | None
    """`after` of the next page."""


class Member(BaseModel):
    kind: str
    identity: str
    since: datetime
    touchpoints: int


class Side(BaseModel):
    """One of the two customers."""

    customer: str
    identities: list[Member]


class Review(BaseModel):
    """Everything one needs to decide, side by side."""

    link: LinkView
    sides: tuple[Side, Side]


class Decision(BaseModel):
    verdict: Literal["approved", "refused"]
    reason: Reason


class Cut(BaseModel):
    link: Annotated[str, StringConstraints(pattern=NAME)]
    reason: Reason


class Decided(BaseModel):
    """To whom the two identities belong now."""

    link: str
    verdict: Word
    customers: tuple[str, str]


def router(connect: Connect, work: Work, in_force: InForce, now: Now) -> APIRouter:
    """The routes; `now` is the service's clock: a verdict holds from then on."""
    routes = APIRouter(prefix="/v1", tags=["reviews"])
    routes.include_router(_looking(connect, in_force))
    routes.include_router(_deciding(connect, work, in_force, now))
    return routes


def _looking(connect: Connect, in_force: InForce) -> APIRouter:
    routes = APIRouter(dependencies=[requires("customers.read")])

    @routes.get("/reviews", summary="Links that wait for a person")
    async def reviews(
        after: Annotated[str, Query(max_length=20)] = "",
        limit: Annotated[int, Query(ge=1, le=MOST_REVIEWS)] = 100,
    ) -> Queue:
        async with connect() as connection:
            found = await queries.open_reviews(connection, after=after, limit=limit)
        return Queue(
            reviews=[_waiting(one) for one in found],
            next=found[-1].name if len(found) == limit else None,
        )

    @routes.get(
        "/reviews/{link}", summary="Both customers side by side, and who says that they are one"
    )
    async def review(link: LinkName) -> Review:
        async with connect() as connection:
            held = await _held(connection, link)
            one, other = [await queries.side_of(connection, ref) for ref in held.link]
            shown = queries.CustomerLink(held.link, held.reason, held.kind)
            [view] = await _views(connection, [shown], in_force)
        return Review(link=view, sides=(_side(*one), _side(*other)))

    @routes.get(
        "/customers/{number}/links",
        summary="What holds a customer together, with the evidence, and what is held",
    )
    async def links(number: Number) -> Links:
        async with connect() as connection:
            customer, found = await _links(connection, number)
            return Links(customer=customer, links=await _views(connection, found, in_force))

    return routes


def _deciding(connect: Connect, work: Work, in_force: InForce, now: Now) -> APIRouter:
    routes = APIRouter()

    @routes.post("/reviews/{link}/decision", summary="Approve or refuse a held link")
    async def decide_review(
        link: LinkName, decision: Decision, caller: Annotated[Caller, requires("reviews.decide")]
    ) -> Decided:
        async with connect() as connection:
            held = await _held(connection, link)
        return await judge(held.link, decision.verdict, caller, decision.reason)

    @routes.post("/customers/{number}/split", summary="Cut a link that joined by mistake")
    async def split(
        number: Number, cut: Cut, caller: Annotated[Caller, requires("reviews.decide")]
    ) -> Decided:
        async with connect() as connection:
            _, found = await _links(connection, number)
        for one in found:
            if link_name(one.link) == cut.link:
                return await judge(one.link, "cut", caller, cut.reason)
        raise HTTPException(404, f"{number} has no link {cut.link}")

    async def judge(link: Pair, word: Word, caller: Caller, reason: str) -> Decided:
        try:
            async with work() as unit:
                outcome: Outcome = await decide(
                    unit, link, word, in_force=in_force, by=caller.subject, reason=reason, at=now()
                )
        except Undecidable as error:
            raise HTTPException(409, str(error)) from error
        return Decided(link=link_name(link), verdict=word, customers=outcome.customers)

    return routes


def _waiting(one: queries.HeldLink) -> Waiting:
    return Waiting(
        link=one.name,
        kinds=(kind_of(one.link[0]), kind_of(one.link[1])),
        held=one.reason,
        kind=one.kind,
        since=one.since,
    )


async def _held(connection: AsyncConnection, name: str) -> queries.HeldLink:
    held = await queries.held_link(connection, name)
    if held is None:
        raise HTTPException(404, f"no link {name} is held")
    return held


async def _links(
    connection: AsyncConnection, number: str
) -> tuple[str, list[queries.CustomerLink]]:
    customer = await customer_queries.customer(connection, number)
    if customer is None:
        raise no_customer(number)
    return customer.number, await queries.links_of(connection, customer.number)


async def _views(
    connection: AsyncConnection, links: Sequence[queries.CustomerLink], in_force: InForce
) -> list[LinkView]:
    pairs = [one.link for one in links]
    evidence = await queries.evidence_of(connection, pairs)
    verdicts = await queries.verdicts_on(connection, pairs)
    keyring = in_force().keyring
    return [
        LinkView(
            link=link_name(one.link),
            identities=one.link,
            held=one.reason,
            kind=one.kind,
            evidence=[
                Evidence(source=source, occurred_at=at, event=event)
                for source, at, event in evidence[one.link]
            ],
            verdicts=[
                VerdictView(
                    is_one=is_one,
                    at=at,
                    by=by,
                    reason=keyring.open(VERDICT_REASON, sealed),
                )
                for is_one, at, by, sealed in verdicts[one.link]
            ],
        )
        for one in links
    ]


def _side(customer: str, members: Sequence[queries.Member]) -> Side:
    return Side(
        customer=customer,
        identities=[
            Member(kind=kind_of(ref), identity=ref, since=since, touchpoints=touchpoints)
            for ref, since, touchpoints in members
        ],
    )
