"""Ann is forgotten by the whole product, and the log, heard again, does not bring her back."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg
import pytest

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
from tests.journeys.conftest import Careline
from tests.reading import records_on
from tests.runtime.by_hand import tables_naming
from tests.waiting import until_somebody_waits

pytestmark = pytest.mark.stack

MONDAY = datetime(2024, 3, 4, 10, tzinfo=ZoneInfo("Asia/Shanghai"))
CARD = Identity(kind="member_card", value="ERASURE-1")
PHONE = Identity(kind="phone", value="+8613912340901")
BOB = Identity(kind="phone", value="+8613912340902")
CARA = Identity(kind="phone", value="+8613912340903")
WHY = "her letter of 3 March"
EVERYTHING = """
    SELECT string_agg(schemaname || '.' || tablename, ', ') FROM pg_tables
    WHERE schemaname = 'protection' AND tablename LIKE 'eras%' OR schemaname = 'public'
    AND tablename NOT IN ('kafka_cluster', 'alembic_version', 'answered', 'verdicts', 'facts')
"""
SAID_BY_TOUCHPOINTS = "DELETE FROM facts WHERE reason IS NULL"


async def happens(pipeline: Pipeline, id: str, touchpoint: ChannelEvent, *, hours: float) -> None:
    async with CarelineClient(pipeline.endpoints.services["ingest"]) as client:
        at = MONDAY + timedelta(hours=hours)
        said = event(touchpoint, id=f"erasure-{id}", source="/erasure", occurred_at=at)
        verdict = await client.publish(said)
        assert verdict.status == "accepted"


@contextlib.asynccontextmanager
async def hidden_audit(stack: LocalStack) -> AsyncIterator[None]:
    """The audit's table is not where it was: whoever owns the database can do that."""
    database = await asyncpg.connect(stack.endpoints.databases["profile"])
    await database.execute("ALTER TABLE protection.audit RENAME TO put_away")
    try:
        yield
    finally:
        await database.execute("ALTER TABLE protection.put_away RENAME TO audit")
        await database.close()


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
    topics = [t for t in CATALOGUE if t.kind == "state" and t.name != "careline.erasures.v1"]
    present: dict[tuple[str, bytes], bytes | None] = {}
    async for record in records_on(pipeline.endpoints.kafka, topics):
        present[record.topic, record.key] = record.value
    return {
        topic
        for (topic, key), value in present.items()
        if value is not None and any(name.encode() in (key or b"") + value for name in names)
    }


@contextlib.asynccontextmanager
async def killed_before(table: str, *, of: str, stack: LocalStack) -> AsyncIterator[None]:
    """A service deletes table by table; it is killed when it has come as far as to this one."""
    connection = await asyncpg.connect(stack.endpoints.databases[of])
    async with connection.transaction():
        await connection.execute(f"LOCK TABLE {table} IN SHARE MODE")
        yield
        await until_somebody_waits(stack.endpoints.databases[of])
        await asyncio.to_thread(stack.services[of].kill)
    await connection.close()


async def hear_everything_again(stack: LocalStack, pipeline: Pipeline) -> None:
    """Profile has lost its database, with all that it knew of erasures, but for what people decided
    and wrote there, which no log has.
    """
    await asyncio.to_thread(stack.services["profile"].stop)
    connection = await asyncpg.connect(pipeline.endpoints.databases["profile"])
    await connection.execute(f"TRUNCATE {await connection.fetchval(EVERYTHING)}")
    await connection.execute(SAID_BY_TOUCHPOINTS)
    await connection.close()
    await start(stack, "profile")
    await pipeline.drain()


async def start(stack: LocalStack, *services: str) -> None:
    options = ServiceOptions(clock="replay")
    await asyncio.to_thread(stack.start_services, options, names=services)


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
    assert careline("customer", "erase", ann, "--json") == receipt

    # what was on its way, and everything there ever was
    late = PurchaseCompleted(identities=(PHONE,), amount_minor=100, currency="CNY")
    await happens(pipeline, "late", late, hours=5)
    await hear_everything_again(running_services, pipeline)

    assert await left_in_tables(pipeline, names) == {}
    assert await left_on_state_topics(pipeline, names) == set()
    assert await answers(pipeline, bob) == bobs
    verdict = careline("audit", "verify", "--json")
    assert verdict["holds"] and verdict["entries"] == verdict["published"] >= 1
    async with hidden_audit(running_services):
        verdict = await asyncio.to_thread(careline, "audit", "verify", "--json", exit_code=1)
    assert not verdict["holds"] and "cannot be read" in verdict["flaws"][0]["what"]


async def test_a_kill_in_the_middle_leaves_nothing_half_forgotten(
    running_services: LocalStack, pipeline: Pipeline, careline: Careline
) -> None:
    purchase = PurchaseCompleted(identities=(CARA,), amount_minor=100, currency="CNY")
    await happens(pipeline, "cara-0", purchase, hours=1)
    details = DetailsGiven(identities=(CARA,), via="app", address="杭州市西湖区2号")
    await happens(pipeline, "cara-1", details, hours=2)
    await pipeline.drain()
    phone = f"{CARA.kind}:{CARA.value}"
    cara = str((await pipeline.get("profile", f"/v1/customers?identity={phone}"))["customer"])
    keyring = Keyring.load(running_services.home.keyring_file)
    names = {cara, keyring.reference(CARA.kind, CARA.value)}
    erase = ("customer", "erase", cara, "--reason", WHY, "--json")

    # profile dies when her facts are deleted and her identities are not: it is as if nobody asked
    async with killed_before("identities", of="profile", stack=running_services):
        asking = asyncio.create_task(asyncio.to_thread(careline, *erase, exit_code=1))
    await asking
    await start(running_services, "profile")
    assert "profile" in await left_in_tables(pipeline, names)

    # scoring dies when it has deleted her, and not yet what she was; profile when it waits for it
    async with killed_before("tier_moves", of="scoring", stack=running_services):
        begun = await asyncio.to_thread(careline, *erase, "--wait-seconds", "0", exit_code=1)
    await asyncio.to_thread(running_services.services["profile"].kill)
    await start(running_services, "profile", "scoring")

    receipt = await asyncio.to_thread(careline, *erase)
    deleted = {(s["service"], s["store"]): s["deleted"] for s in receipt["stores"]}
    assert "scoring" in begun["waiting_for"] and receipt["complete"]
    assert deleted["profile", "facts"] == 1 and deleted["scoring", "buckets"] > 0
    assert await left_in_tables(pipeline, names) == {}
    assert await left_on_state_topics(pipeline, names) == set()
