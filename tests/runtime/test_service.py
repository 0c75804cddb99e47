"""A whole service on real servers: what comes in has its effect, what is said gets out."""

import asyncio
import contextlib
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from sqlalchemy import text

from careline_contracts.envelope import Envelope, Record, from_headers, to_headers
from careline_contracts.events.operations import ClockTicked
from careline_contracts.events.profile import Activity
from careline_contracts.topics import ACTIVITIES, CLOCK, TIER_CHANGES, Topic
from careline_localstack import LocalStack
from careline_runtime.batch import Heard, Hears
from careline_runtime.publisher import Publisher
from careline_runtime.service import Service
from careline_runtime.settings import ServiceSettings
from careline_runtime.setup import create_topics
from careline_runtime.testing import fresh_database
from careline_runtime.timers import Due
from careline_runtime.unit_of_work import Unit

pytestmark = pytest.mark.stack

NOON = datetime(2026, 3, 1, 4, tzinfo=UTC)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def until(holds: Callable[[], Awaitable[bool]], *, seconds: float = 30) -> None:
    """Waits for what will become true."""
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110 (servers send no signal to wait for)
            await asyncio.sleep(0.02)


class Echo:
    """A service of its own topics that repeats what it hears, and once more a day later."""

    def __init__(self, inlet: Topic, outlet: Topic) -> None:
        self.inlet, self.outlet = inlet, outlet

    async def handle(self, unit: Unit, heard: Sequence[Heard]) -> None:
        for event in heard:
            unit.say(
                self.outlet,
                event.payload,
                key=event.envelope.key,
                id=f"echo-{event.envelope.id}",
                recorded_at=event.envelope.recorded_at,
                type="careline.store.visited.v1",
            )
            unit.set_timer("later", event.envelope.id, NOON)

    async def fire(self, unit: Unit, due: Sequence[Due]) -> None:
        for timer in due:
            payload = Activity(customer="C1", identity="x:1", channel="store", body={})
            unit.say(
                self.outlet,
                payload,
                key="C1",
                id=f"later-{timer.key}",
                recorded_at=timer.due_at,
                type="careline.store.visited.v1",
            )


@pytest.fixture
async def echo(stack: LocalStack) -> Echo:
    bootstrap = stack.endpoints.kafka
    await create_topics(bootstrap, replication=1)
    unique = uuid.uuid4().hex[:8]
    topics = [
        replace(topic, name=f"test.{unique}.{name}", partitions=3)
        for name, topic in (("in", ACTIVITIES), ("out", TIER_CHANGES))
    ]
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(t.name, 3, 1) for t in topics])
    await admin.close()
    return Echo(*topics)


@contextlib.asynccontextmanager
async def running(echo: Echo, stack: LocalStack, url: str) -> AsyncIterator[Service]:
    settings = ServiceSettings(
        kafka_bootstrap_servers=stack.endpoints.kafka,
        database_url=url,
        http_port=free_port(),
        CARELINE_CLOCK="replay",
    )
    service = Service(
        name="scoring",
        settings=settings,
        hears=[Hears(echo.inlet, otherwise=Activity)],
        handle=echo.handle,
        fire=echo.fire,
    )
    serving = asyncio.create_task(service.serve())
    try:

        async def is_ready() -> bool:
            if serving.done():
                serving.result()
            return service.is_ready

        await until(is_ready)
        yield service
    finally:
        service.stop()
        await serving


async def published(stack: LocalStack, topic: str, count: int) -> list[tuple[str, str]]:
    """Key and id of the first `count` records of `topic`."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=stack.endpoints.kafka, auto_offset_reset="earliest"
    )
    await consumer.start()
    found: list[tuple[str, str]] = []
    try:
        async with asyncio.timeout(30):
            while len(found) < count:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += [(r.key.decode(), from_headers(r.headers).id) for r in records]
    finally:
        await consumer.stop()
    return found


async def test_an_event_goes_through_and_its_timer_fires_when_the_replay_clock_gets_there(
    stack: LocalStack, echo: Echo, admin_url: str
) -> None:
    publisher = Publisher(stack.endpoints.kafka, client_id="test")

    def visit(n: int) -> Record:
        envelope = Envelope(f"e{n}", "/test", "careline.store.visited.v1", NOON, NOON, f"C{n % 7}")
        payload = Activity(customer=f"C{n % 7}", identity="x:1", channel="store", body={})
        return Record(echo.inlet.name, f"C{n % 7}", to_headers(envelope), payload.to_json())

    async with fresh_database(admin_url) as engine:
        url = engine.url.render_as_string(hide_password=False)
        async with running(echo, stack, url) as service:
            await publisher.publish([visit(n) for n in range(100)])
            out = await published(stack, echo.outlet.name, 100)
            for customer in {key for key, _ in out}:
                ids = [int(id.removeprefix("echo-e")) for key, id in out if key == customer]
                assert ids == sorted(ids), "order per customer"

            tick = Envelope("t1", "/test", ClockTicked.type, NOON, NOON)
            await publisher.publish(
                [Record(CLOCK.name, "", to_headers(tick), ClockTicked(now=NOON).to_json())]
            )
            later = await published(stack, echo.outlet.name, 200)
            assert {id for _, id in later[100:]} <= {id for _, id in later}
            assert {id for _, id in later} == {
                f"{w}-e{n}" for w in ("echo", "later") for n in range(100)
            }

            async with httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{service.settings.http_port}"
            ) as http:

                async def is_drained() -> bool:
                    status = (await http.get("/status")).json()
                    positions = sum(status["positions"].values())
                    return (positions, status["outbox"], status["timers_due"]) == (100, 0, 0)

                await until(is_drained)
                assert (await http.get("/health/live")).status_code == 200
                assert (await http.get("/health/ready")).status_code == 200
                assert "careline_events_handled_total" in (await http.get("/metrics")).text
                missing = await http.get("/nowhere")
                assert missing.headers["content-type"] == "application/problem+json"
        # a second life begins where the first ended
        async with running(echo, stack, url), engine.connect() as connection:
            handled = await connection.execute(
                text("SELECT sum(next_offset) FROM consumer_offsets")
            )
            assert handled.scalar_one() == 100
    await publisher.stop()
