"""What is known of a state topic is what it says, also of what went while nobody could listen."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.errors import KafkaConnectionError

from careline_contracts.envelope import Record
from careline_contracts.topics import CHANNELS, Topic
from careline_localstack import LocalStack
from careline_runtime.publisher import Publisher
from careline_runtime.state_topic import StateTopic

pytestmark = pytest.mark.stack


class Known:
    """What a service has made of what it heard; its connection breaks on hearing of `break`."""

    def __init__(self) -> None:
        self.present: dict[str, bytes] = {}
        self.breaks = 0
        self._heard = asyncio.Event()

    def hear(self, key: str, value: bytes | None) -> None:
        if key == "break" and not self.breaks:
            self.breaks += 1
            raise KafkaConnectionError("the broker went away")
        self.present.pop(key, None)
        if value is not None:
            self.present[key] = value
        self._heard.set()

    async def become(self, present: dict[str, bytes]) -> None:
        async with asyncio.timeout(20):
            while self.present != present:
                await self._heard.wait()
                self._heard.clear()


@pytest.fixture
async def topic(kafka_admin: AIOKafkaAdminClient) -> Topic:
    # not compacted: its records are deleted as soon as Kafka is told to, not within hours
    topic = replace(CHANNELS, name=f"test.{uuid.uuid4().hex[:8]}.state")
    await kafka_admin.create_topics([NewTopic(topic.name, 1, 1)])
    return topic


@pytest.fixture
async def publisher(stack: LocalStack) -> AsyncIterator[Publisher]:
    publisher = Publisher(stack.endpoints.kafka, client_id="test")
    yield publisher
    await publisher.stop()


async def test_a_key_whose_tombstone_came_and_went_during_a_break_is_forgotten(
    stack: LocalStack, topic: Topic, publisher: Publisher, kafka_admin: AIOKafkaAdminClient
) -> None:
    async def say(key: str, value: bytes) -> None:
        await publisher.publish([Record(topic.name, key, [], value)])

    await say("revoked", b"1")
    await say("kept", b"1")
    known = Known()
    state = StateTopic(stack.endpoints.kafka, topic, known.hear)
    await state.start()
    try:
        assert known.present == {"revoked": b"1", "kept": b"1"}

        partition = TopicPartition(topic.name, 0)
        await kafka_admin.delete_records({partition: RecordsToDelete(before_offset=1)})
        await say("break", b"1")
        await known.become({"kept": b"1", "break": b"1"})

        await say("kept", b"2")
        await known.become({"kept": b"2", "break": b"1"})
        assert known.breaks == 1
    finally:
        await state.stop()
