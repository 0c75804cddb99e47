"""Ann is forgotten by the whole product, and the log, heard again, does not bring her back."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer

from careline_cli.replay import Pipeline
from careline_client import CarelineClient, event
from careline_contracts.events.touchpoints import (
    ChannelEvent,
    ComplaintRaised,
    DetailsGiven,
    Identity,
    PurchaseCompleted,
)
from careline_contracts.topics import CATALOGUE, WITH_DATABASE
from careline_localstack import LocalStack
from careline_localstack.services import ServiceOptions
from careline_runtime.database import create_engine
from careline_runtime.keyring import Keyring
from careline_runtime.testing import tables_naming
from tests.journeys.conftest import Careline

pytestmark = pytest.mark.stack

MONDAY = datetime(2024, 3, 4, 10, tzinfo=ZoneInfo("Asia/Shanghai"))
CARD = Identity(kind="member_card", value="ERASURE-1")
PHONE = Identity(kind="phone", value="+8613912340901")
BOB = Identity(kind="phone", value="+8613912340902")
WHY = "her letter of 3 March"
EVERYTHING = """
    SELECT string_agg(schemaname || '.' || tablename, ', ') FROM pg_tables
    WHERE schemaname = 'protection' AND tablename LIKE 'eras%' OR schemaname = 'public'
    AND tablename NOT IN ('kafka_cluster', 'alembic_version', 'answered')
"""


async def happens(pipeline: Pipeline, id: str, touchpoint: ChannelEvent, *, hours: float) -> None:
    async with CarelineClient(pipeline.endpoints.services["ingest"]) as client:
        at = MONDAY + timedelta(hours=hours)
        said = event(touchpoint, id=f"erasure-{id}", source="/erasure", occurred_at=at)
        verdict = await client.publish(said)
        assert verdict.status == "accepted"


async def told(pipeline: Pipeline, who: Identity, *also: Identity) -> str:
    """A purchase, a complaint and an address, by every name; returns the number."""
    both = (who, *also)
    for n, touchpoint in enumerate(
        (
            PurchaseCompleted(identities=both, amount_minor=2_500_000, currency="CNY"),
            ComplaintRaised(identities=(who,), category="delivery", via="phone"),
            ComplaintRaised(identities=(who,), category="invoice", via="phone"),
            DetailsGiven(identities=(who,), via="app", address="杭州市西湖区1号"),
        )
    ):
        await happens(pipeline, f"{who.value}-{n}", touchpoint, hours=n)
    await pipeline.drain()
    await pipeline.tick(MONDAY + timedelta(hours=30))
    found = await pipeline.get("profile", f"/v1/customers?identity={who.kind}:{who.value}")
    return str(found["customer"])


async def answers(pipeline: Pipeline, number: str) -> list[object]:
    """What every service says about a customer."""
    return [
        await pipeline.get(service, path)
        for service, path in (
            ("profile", f"/v1/customers/{number}"),
            ("scoring", f"/v1/customers/{number}/score"),
            ("ticketing", f"/v1/tickets?customer={number}"),
            ("engagement", f"/v1/cases?customer={number}"),
        )
    ]


async def left_in_tables(pipeline: Pipeline, names: set[str]) -> Mapping[str, set[str]]:
    left = {}
    for service in WITH_DATABASE:
        engine = create_engine(pipeline.endpoints.databases[service], service=service)
        left[service] = await tables_naming(engine, names)
        await engine.dispose()
    return {service: tables for service, tables in left.items() if tables}


async def left_on_state_topics(pipeline: Pipeline, names: set[str]) -> set[str]:
    """Compacted topics whose present still names her."""
    topics = [t.name for t in CATALOGUE if t.kind == "state" and t.name != "careline.erasures.v1"]
    present: dict[tuple[str, bytes], bytes | None] = {}
    consumer = AIOKafkaConsumer(
        *topics, bootstrap_servers=pipeline.endpoints.kafka, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        while [p for p in ends if await consumer.position(p) < ends[p]]:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                present |= {(r.topic, r.key): r.value for r in records}
    finally:
        await consumer.stop()
    return {
        topic
        for (topic, key), value in present.items()
        if value is not None and any(name.encode() in (key or b"") + value for name in names)
    }


async def hear_everything_again(stack: LocalStack, pipeline: Pipeline) -> None:
    """Profile has lost its database, with all that it knew of erasures."""
    await asyncio.to_thread(stack.services["profile"].stop)
    connection = await asyncpg.connect(pipeline.endpoints.databases["profile"])
    await connection.execute(f"TRUNCATE {await connection.fetchval(EVERYTHING)}")
    await connection.close()
    await asyncio.to_thread(
        stack.start_services, ServiceOptions(clock="replay"), names=("profile",)
    )
    await pipeline.drain()


async def test_she_is_forgotten_everywhere_and_stays_so(
    running_services: LocalStack, pipeline: Pipeline, careline: Careline
) -> None:
    ann, bob = await told(pipeline, CARD, PHONE), await told(pipeline, BOB)
    bobs = await answers(pipeline, bob)
    keyring = Keyring.load(running_services.home.keyring_file)
    names = {ann, *(keyring.reference(name.kind, name.value) for name in (CARD, PHONE))}
    assert await left_in_tables(pipeline, names)

    receipt = careline("customer", "erase", ann, "--reason", WHY, "--json")

    deleted = {(s["service"], s["store"]): s["deleted"] for s in receipt["stores"]}
    assert receipt["complete"] and receipt["customer"] == ann
    assert deleted["profile", "identities"] == 2 and deleted["profile", "facts"] == 1
    assert deleted["ticketing", "tickets"] == 2 and deleted["scoring", "buckets"] > 0
    assert deleted["scoring", "tickets"] == 2, "both promises were broken, and counted"
    assert deleted["engagement", "facts"] > 0
    topics = {topic["topic"]: topic for topic in receipt["topics"]}
    assert topics["careline.tickets.v1"]["tombstones"] == 2
    assert await left_in_tables(pipeline, names) == {}
    assert await left_on_state_topics(pipeline, names) == set()
    assert await answers(pipeline, bob) == bobs
    assert careline("customer", "erase", ann, "--reason", WHY, "--json") == receipt

    # what was on its way, and everything there ever was
    late = PurchaseCompleted(identities=(PHONE,), amount_minor=100, currency="CNY")
    await happens(pipeline, "late", late, hours=5)
    await hear_everything_again(running_services, pipeline)

    assert await left_in_tables(pipeline, names) == {}
    assert await left_on_state_topics(pipeline, names) == set()
    assert await answers(pipeline, bob) == bobs
    verdict = careline("audit", "verify", "--json")
    assert verdict["holds"] and verdict["entries"] == verdict["published"] >= 1
