"""The events of the benchmarks: seeded, and shaped like a shop's ordinary week."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from careline_contracts.envelope import Envelope, Record, to_headers
from careline_contracts.events.profile import Activity
from careline_contracts.events.touchpoints import (
    AppSessionStarted,
    ChannelEvent,
    ComplaintRaised,
    EnquiryMade,
    Identity,
    PurchaseCompleted,
    StoreVisited,
)
from careline_contracts.topics import ACTIVITIES, RAW

PAST_DAYS = 60


def raw_records(count: int, *, customers: int, seed: int) -> Iterator[Record]:
    """`count` touchpoints of `customers` customers as a channel's producer would send them."""
    run = f"{datetime.now(UTC):%H%M%S}"
    touchpoints = _touchpoints(count, customers=customers, seed=seed)
    for number, (_, occurred_at, event) in enumerate(touchpoints):
        yield raw_record(f"{number}", event, occurred_at, run=run)


def activities(count: int, *, customers: int, seed: int) -> Iterator[Record]:
    """The same touchpoints as profile says them, each customer known by the first identity."""
    run = f"{datetime.now(UTC):%H%M%S}"
    touchpoints = _touchpoints(count, customers=customers, seed=seed)
    for number, (customer, occurred_at, event) in enumerate(touchpoints):
        said = Activity(
            customer=f"L-{customer:09}",
            identity=f"member_card:{customer:032x}",
            channel=event.channel,
            body=event.model_dump(mode="json", exclude={"identities"}, exclude_none=True),
        )
        envelope = Envelope(
            f"bench-{run}-{number}",
            "/careline/profile",
            event.type,
            occurred_at,
            occurred_at,
            key=said.customer,
        )
        yield Record(ACTIVITIES.name, said.customer, to_headers(envelope), said.to_json())


def raw_record(id: str, event: ChannelEvent, occurred_at: datetime, *, run: str) -> Record:
    """One touchpoint on its channel's raw topic, keyed by its first identity."""
    envelope = Envelope(id, f"/bench/{run}", event.type, occurred_at, occurred_at)
    key = event.identities[0].value
    return Record(RAW[event.channel].name, key, to_headers(envelope), event.to_json())


def purchase(customer: int, amount_minor: int, *, with_phone: bool = False) -> PurchaseCompleted:
    """A purchase by customer number `customer` of the load."""
    return PurchaseCompleted(
        identities=_identities(customer, with_phone=with_phone),
        amount_minor=amount_minor,
        currency="CNY",
    )


def card_number(customer: int) -> str:
    """The member card of customer number `customer`."""
    return f"{customer:07}"


def phone_number(customer: int) -> str:
    """Their phone, in the form in which it becomes a token."""
    return f"+86138{customer:08}"


def _touchpoints(
    count: int, *, customers: int, seed: int
) -> Iterator[tuple[int, datetime, ChannelEvent]]:
    """Whose, when and what, in the order of time."""
    chance = random.Random(seed)  # noqa: S311 (not a secret: the same load on every run)
    now = datetime.now(UTC)
    for number in range(count):
        customer = chance.randrange(customers)
        occurred_at = now - timedelta(days=PAST_DAYS * (1 - number / count))
        yield customer, occurred_at, _event(chance, customer)


def _event(chance: random.Random, customer: int) -> ChannelEvent:
    identities = _identities(customer, with_phone=chance.random() < 0.2)
    kind = chance.random()
    if kind < 0.70:
        return purchase(customer, chance.randrange(1_000, 500_000), with_phone=kind < 0.2)
    if kind < 0.80:
        return EnquiryMade(identities=identities, product="phone")
    if kind < 0.90:
        return AppSessionStarted(identities=identities)
    if kind < 0.98:
        return StoreVisited(identities=identities)
    return ComplaintRaised(identities=identities, category="delivery", via="phone")


def _identities(customer: int, *, with_phone: bool) -> tuple[Identity, ...]:
    card = Identity(kind="member_card", value=card_number(customer))
    if not with_phone:
        return (card,)
    return (card, Identity(kind="phone", value=phone_number(customer)))
