"""What an event led to is found by its trace id alone, with no tracing system running."""

from collections import defaultdict
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from careline_cli.replay import Pipeline
from careline_client import CarelineClient, Event
from careline_contracts.envelope import event_key, from_headers
from careline_contracts.events.touchpoints import (
    ChannelEvent,
    ComplaintRaised,
    Identity,
    PurchaseCompleted,
)
from careline_contracts.topics import CATALOGUE, DEAD_LETTERS, SERVICES
from tests.reading import records_on

pytestmark = pytest.mark.stack

CARD = Identity(kind="member_card", value="TRACE-1")
MONDAY = datetime(2024, 5, 6, 10, tzinfo=ZoneInfo("Asia/Shanghai"))


async def happens(pipeline: Pipeline, id: str, at: datetime, event: ChannelEvent) -> None:
    async with CarelineClient(pipeline.endpoints.services["ingest"]) as client:
        await client.publish(Event(id, "/trace", event.type, at, event.to_json()))
    await pipeline.drain()
    await pipeline.tick(at)


async def said_in_traces(kafka: str) -> dict[str, set[str]]:
    """For each trace id, `service thing.past` of every event in it, whoever said it."""
    topics = [
        topic
        for topic in CATALOGUE
        if topic.owner in SERVICES and topic is not DEAD_LETTERS[topic.owner]
    ]
    owners = {topic.name: topic.owner for topic in topics}
    found: dict[str, set[str]] = defaultdict(set)
    async for record in records_on(kafka, topics):
        if record.value is None:  # somebody was erased
            continue
        envelope = from_headers(record.headers)
        thing = envelope.type.removeprefix("careline.").removesuffix(".v1")
        trace = envelope.traceparent.split("-")[1]
        found[trace].add(f"{owners[record.topic]} {thing}")
    return found


async def test_a_purchase_and_a_complaint_are_followed_through_all_services(
    pipeline: Pipeline,
) -> None:
    bought = PurchaseCompleted(identities=(CARD,), amount_minor=2_500_000, currency="CNY")
    await happens(pipeline, "purchase", MONDAY, bought)
    for number, category in enumerate(("delivery", "invoice")):
        complaint = ComplaintRaised(identities=(CARD,), category=category, via="phone")
        at = MONDAY + timedelta(days=1, minutes=number)
        await happens(pipeline, f"complaint-{number}", at, complaint)

    traces = await said_in_traces(pipeline.endpoints.kafka)

    assert traces[event_key("/trace", "purchase")] >= {
        "ingest purchase.completed",
        "profile customer.created",
        "profile purchase.completed",
        "scoring tier.changed",
        "scoring score.updated",
    }
    assert traces[event_key("/trace", "complaint-1")] >= {
        "ingest complaint.raised",
        "profile complaint.raised",
        "scoring risk.changed",
        "ticketing ticket.opened",
        "engagement case.opened",
        "engagement outreach.requested",
    }
