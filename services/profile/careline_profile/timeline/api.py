"""What profile answers about a timeline: a page of a customer's touchpoints, newest first."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from pydantic import AwareDatetime, BaseModel

from careline_contracts.events.touchpoints import Channel
from careline_profile import queries
from careline_profile.numbers import Number, no_customer
from careline_profile.rules import token_of
from careline_profile.timeline.model import Cursor, Wanted
from careline_profile.timeline.queries import page
from careline_runtime.access import requires
from careline_runtime.database import Connect


class TouchpointView(BaseModel):
    """One touchpoint, as far as it holds no personal text."""

    occurred_at: datetime
    channel: str
    type: str
    identity: str
    """`kind:token` of the identity that it came by."""
    event: str
    """The event's key, under which its trace is found too."""
    details: dict[str, Any]


class TimelineView(BaseModel):
    """A page of a customer's timeline."""

    customer: str
    touchpoints: list[TouchpointView]
    next: str | None
    """The `cursor` of the next, older page."""


def router(connect: Connect) -> APIRouter:
    """The route; `connect` opens a connection to profile's database."""
    routes = APIRouter(prefix="/v1", tags=["customers"], dependencies=[requires("customers.read")])

    @routes.get(
        "/customers/{number}/timeline",
        summary="All touchpoints of a customer, all channels, newest first",
    )
    async def timeline(
        number: Number,
        channel: Channel | None = None,
        type: Annotated[str | None, Query(max_length=100)] = None,
        since: AwareDatetime | None = None,
        until: Annotated[AwareDatetime | None, Query(description="Exclusive.")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        cursor: Annotated[str | None, Query(max_length=60)] = None,
    ) -> TimelineView:
        wanted = Wanted(channel, type, since, until, _place(cursor))
        async with connect() as connection:
            customer = await queries.customer(connection, number)
            if customer is None:
                raise no_customer(number)
            refs = [ref for ref, _ in await queries.identities(connection, customer.number)]
            by_token = {token_of(ref): ref for ref in refs}
            entries = await page(connection, by_token, wanted, limit=limit + 1)
        shown = entries[:limit]
        return TimelineView(
            customer=customer.number,
            touchpoints=[
                TouchpointView(
                    occurred_at=entry.occurred_at,
                    channel=entry.channel,
                    type=entry.type,
                    identity=by_token[entry.token],
                    event=entry.event_key,
                    details=entry.body,
                )
                for entry in shown
            ],
            next=shown[-1].cursor if len(entries) > limit else None,
        )

    return routes


def _place(cursor: str | None) -> Cursor | None:
    try:
        return Cursor.read(cursor) if cursor else None
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
