"""A channel system publishes through the client to a real ingest, by key and by signature."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer

from careline_client import CarelineClient, Event, NotLetIn, event, event_id
from careline_client.sync import CarelineClient as SyncClient
from careline_contracts.envelope import from_headers
from careline_contracts.events.touchpoints import ComplaintRaised, Identity
from careline_contracts.topics import TOUCHPOINTS
from careline_localstack import LocalStack
from tests.client.conftest import Careline

pytestmark = pytest.mark.stack

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CALLS = Path(__file__).parents[2] / "docs/examples/import/calls"


def a_complaint(source: str, *parts: str | int, **fields: str) -> Event:
    said = ComplaintRaised.model_validate(
        {"identities": (Identity(kind="phone", value="+8613900000733"),), **fields}
    )
    id, now = event_id(*parts), datetime.now(UTC)
    return event(said, id=id, source=source, occurred_at=now, traceparent=TRACE)


async def test_events_published_by_key_are_in_kafka_once_in_order_and_traced(
    ingest_url: str, careline: Careline, stack: LocalStack
) -> None:
    made = careline("channel", "create", "client-hotline", "--channel", "phone")
    events = [a_complaint(made["source"], "complaint", n) for n in range(1_200)]

    async with CarelineClient(ingest_url, key=made["key"]) as client:
        first = await client.publish_all(events)
        again = await client.publish_all(events)

    assert [verdict.status for verdict in first] == ["accepted"] * 1_200
    assert [verdict.status for verdict in again] == ["duplicate"] * 1_200
    said = await published(stack, made["source"], 1_200)
    assert said == [(one.id, TRACE) for one in events]


async def published(stack: LocalStack, source: str, count: int) -> list[tuple[str, str]]:
    """Id and trace of the first touchpoints of a source, once there are as many."""
    found: list[tuple[str, str]] = []
    async with AIOKafkaConsumer(
        TOUCHPOINTS.name, bootstrap_servers=stack.endpoints.kafka, auto_offset_reset="earliest"
    ) as consumer:
        while len(found) < count:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                envelopes = [from_headers(record.headers) for record in records]
                found += [(one.id, one.traceparent) for one in envelopes if one.source == source]
    return found


def test_signed_events_are_taken_and_bound_to_their_channel(
    ingest_url: str, careline: Careline
) -> None:
    made = careline("channel", "create", "client-app", "--channel", "app", "--signed")
    events = [
        a_complaint(made["source"], "signed"),
        a_complaint("/app/another", "signed"),
        a_complaint(made["source"], "elsewhere", via="phone"),
    ]

    with SyncClient(ingest_url, signing=("client-app", made["key"])) as client:
        verdicts = client.publish_all(events)

    assert [(one.status, one.code, one.pointer) for one in verdicts] == [
        ("accepted", "", ""),
        ("rejected", "source_not_allowed", "/source"),
        ("rejected", "channel_not_allowed", "/data/via"),
    ]


async def test_without_a_key_nothing_is_taken_and_nothing_lost(ingest_url: str) -> None:
    event = a_complaint("/phone/client-stranger", "stranger")

    async with CarelineClient(ingest_url) as client:
        with pytest.raises(NotLetIn) as caught:
            await client.publish(event)

    assert caught.value.problem is not None
    assert caught.value.problem.code == "missing_key"
    assert caught.value.unsent == [event]


def test_a_file_is_imported_by_key(ingest_url: str, careline: Careline) -> None:
    made = careline("channel", "create", "client-calls", "--channel", "phone")

    summary = careline(
        "import",
        *("--mapping", str(CALLS.with_suffix(".yaml")), "--source", made["source"]),
        str(CALLS.with_suffix(".csv")),
        CARELINE_KEY=made["key"],
    )

    assert summary["touchpoints"]["accepted"] > 0
