"""Requests that arrive together share a publication, each is answered for its own records."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError

from careline_contracts.envelope import Record
from careline_ingest.publishing import GroupPublisher
from careline_localstack import LocalStack
from careline_runtime.publisher import Publisher


def a_record(key: str, n: int, topic: str = "t") -> Record:
    return Record(topic, key, [("n", str(n).encode())], b"{}")


class SlowPublisher:
    """Answers when the test says so."""

    def __init__(self) -> None:
        self.groups: list[Sequence[Record]] = []
        self.answers: asyncio.Queue[Exception | None] = asyncio.Queue()

    async def publish(self, records: Sequence[Record]) -> None:
        self.groups.append(records)
        failure = await self.answers.get()
        if failure is not None:
            raise failure


async def test_what_arrives_during_a_publication_goes_together_in_the_next() -> None:
    slow = SlowPublisher()
    group = GroupPublisher(slow)
    requests = [asyncio.create_task(group.publish([a_record("k", n)])) for n in range(10)]
    await asyncio.sleep(0)
    late = [asyncio.create_task(group.publish([a_record("k", n)])) for n in range(10, 20)]
    for _ in range(2):
        slow.answers.put_nowait(None)
    await asyncio.gather(*requests, *late)

    assert len(slow.groups) <= 2
    numbers = [dict(r.headers)["n"] for records in slow.groups for r in records]
    assert numbers == [str(n).encode() for n in range(20)]


async def test_a_failure_is_told_to_its_group_and_the_next_goes_on() -> None:
    slow = SlowPublisher()
    group = GroupPublisher(slow)
    slow.answers.put_nowait(KafkaConnectionError("no broker"))
    with pytest.raises(KafkaConnectionError):
        await group.publish([a_record("k", 1)])
    slow.answers.put_nowait(None)
    await group.publish([a_record("k", 2)])


async def test_a_request_that_gave_up_waiting_leaves_nothing_behind() -> None:
    slow = SlowPublisher()
    group = GroupPublisher(slow)
    first = asyncio.create_task(group.publish([a_record("k", 1)]))
    await asyncio.sleep(0.01)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await group.publish([a_record("k", 2)])
    slow.answers.put_nowait(None)
    await first
    await asyncio.sleep(0.01)
    assert [len(records) for records in slow.groups] == [1]


@pytest.fixture(params=["fake", pytest.param("kafka", marks=pytest.mark.stack)])
async def port(
    request: pytest.FixtureRequest, fake_publisher: Any
) -> AsyncIterator[tuple[Any, str, Any]]:
    """A publisher, a topic of its own, and how to read what is on it."""
    if request.param == "fake":

        async def kept(count: int) -> list[Record]:
            return list(fake_publisher.records)

        yield fake_publisher, "t", kept
        return
    stack: LocalStack = request.getfixturevalue("stack")
    servers = stack.endpoints.kafka
    topic = f"test.publishing.{uuid.uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 3, 1)])
    await admin.close()
    publisher = Publisher(servers, client_id="test")
    await publisher.start()
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=servers, auto_offset_reset="earliest")
    await consumer.start()

    async def read(count: int) -> list[Record]:
        async with asyncio.timeout(20):
            found = [await consumer.getone() for _ in range(count)]
        return [Record(r.topic, r.key.decode(), list(r.headers), r.value) for r in found]

    yield publisher, topic, read
    await consumer.stop()
    await publisher.stop()


async def test_the_fake_and_kafka_keep_everything_in_order_per_key(
    port: tuple[Any, str, Any],
) -> None:
    publisher, topic, read = port
    records = [a_record(f"k{n % 5}", n, topic) for n in range(500)]
    await publisher.publish([])
    await publisher.publish(records[:300])
    await publisher.publish(records[300:])

    found = await read(500)
    for key in {record.key for record in records}:
        assert [r for r in found if r.key == key] == [r for r in records if r.key == key]
