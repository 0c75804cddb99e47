"""The smallest service there can be, to live through what happens to services."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer, ConsumerRecord

from careline_contracts.envelope import Envelope, Record, from_headers, to_headers
from careline_contracts.events.profile import Activity
from careline_contracts.topics import Topic
from careline_localstack import LocalStack
from careline_localstack.ports import choose_free_port
from careline_runtime.batch import Heard, Hears
from careline_runtime.publisher import Publisher
from careline_runtime.service import Service
from careline_runtime.settings import ServiceSettings
from careline_runtime.timers import Due
from careline_runtime.unit_of_work import Unit
from tests.waiting import until

NOON = datetime(2026, 3, 1, 4, tzinfo=UTC)


class Echo:
    """A service of its own topics that repeats what it hears, and once more `later`."""

    def __init__(self, inlet: Topic, outlet: Topic) -> None:
        self.inlet, self.outlet = inlet, outlet
        self.refuses: set[str] = set()
        """Ids of events that its handler fails on."""
        self.later: datetime | None = None

    async def handle(self, unit: Unit, heard: Sequence[Heard]) -> None:
        for event in heard:
            if event.envelope.id in self.refuses:
                raise RuntimeError("a bug")
            unit.say(
                self.outlet,
                event.payload,
                key=event.envelope.key,
                id=f"echo-{event.envelope.id}",
                recorded_at=event.envelope.recorded_at,
                type="careline.store.visited.v1",
            )
            unit.set_timer("later", event.envelope.id, self.later)

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

    def visit(self, n: int) -> Record:
        """The event `e<n>`, of one of seven customers."""
        customer = f"C{n % 7}"
        envelope = Envelope(f"e{n}", "/test", "careline.store.visited.v1", NOON, NOON, customer)
        payload = Activity(customer=customer, identity="x:1", channel="store", body={})
        return Record(self.inlet.name, customer, to_headers(envelope), payload.to_json())

    def service(self, stack: LocalStack, url: str, **settings: Any) -> Service:
        """The service, not started; `settings` may be beyond what operators may set."""
        usual = ServiceSettings(
            kafka_bootstrap_servers=stack.endpoints.kafka,
            database_url=url,
            http_port=choose_free_port(),
            CARELINE_CLOCK="replay",
        )
        service = Service("scoring", usual.model_copy(update=settings))
        service.handle([Hears(self.inlet, otherwise=Activity)], self.handle, fire=self.fire)
        return service


@contextlib.asynccontextmanager
async def running(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """The service from ready to stopped, and a client of it; raises what ended it."""
    serving = asyncio.create_task(service.serve())
    try:

        async def is_ready() -> bool:
            if serving.done():
                serving.result()
            return service.is_ready

        await until(is_ready)
        address = f"http://127.0.0.1:{service.settings.http_port}"
        async with httpx.AsyncClient(base_url=address, timeout=20) as http:
            yield http
    finally:
        service.stop()
        await serving


async def publish(stack: LocalStack, records: Iterable[Record]) -> None:
    publisher = Publisher(stack.endpoints.kafka, client_id="test")
    await publisher.publish(list(records))
    await publisher.stop()


async def published(stack: LocalStack, topic: str, count: int) -> list[tuple[str, str]]:
    """Key and id of what is on `topic`, once that are `count` different events."""
    records = await read(stack, topic, lambda found: len({_id(r) for r in found}) >= count)
    return [(record.key.decode(), _id(record)) for record in records]


def _id(record: ConsumerRecord) -> str:
    return from_headers(record.headers).id


async def read(
    stack: LocalStack, topic: str, is_enough: Callable[[Sequence[ConsumerRecord]], bool]
) -> list[ConsumerRecord]:
    """The records of `topic` from its beginning."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=stack.endpoints.kafka, auto_offset_reset="earliest"
    )
    await consumer.start()
    found: list[ConsumerRecord] = []
    try:
        async with asyncio.timeout(30):
            while not is_enough(found):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += records
    finally:
        await consumer.stop()
    return found
