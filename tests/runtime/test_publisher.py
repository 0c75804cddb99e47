"""The publishing port leaves nothing behind when it fails: no connection, no task, no record."""

import asyncio
import gc
import os
import signal
import uuid

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaConnectionError

from careline_contracts.envelope import Record
from careline_contracts.topics import RAW
from careline_localstack import LocalStack
from careline_runtime import publisher as module
from careline_runtime.publisher import Publisher
from careline_runtime.setup import create_topics


async def test_a_start_without_a_broker_leaves_no_producer_behind() -> None:
    publisher = Publisher("127.0.0.1:1", client_id="test")
    for _ in range(2):
        with pytest.raises(KafkaConnectionError):
            await publisher.start()
    await publisher.stop()
    gc.collect()  # an unclosed producer warns when it is collected, and a warning is an error here
    await asyncio.sleep(0)
    assert all(task is asyncio.current_task() for task in asyncio.all_tasks())


@pytest.mark.stack
async def test_what_was_given_up_while_the_broker_hung_is_never_sent_after_what_came_later(
    stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEND_TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(module, "DISCARD_TIMEOUT_SECONDS", 0.3)
    topic = RAW["store"].name
    await create_topics(stack.endpoints.kafka, replication=1)
    run = uuid.uuid4().hex
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=stack.endpoints.kafka)
    await consumer.start()
    await consumer.seek_to_end()
    publisher = Publisher(stack.endpoints.kafka, client_id="test")
    await publisher.publish([_numbered(topic, run, 0)])

    assert stack.kafka.pid is not None
    os.kill(stack.kafka.pid, signal.SIGSTOP)
    try:
        with pytest.raises(TimeoutError):
            await publisher.publish([_numbered(topic, run, 1)])
    finally:
        os.kill(stack.kafka.pid, signal.SIGCONT)
    monkeypatch.setattr(module, "SEND_TIMEOUT_SECONDS", 20.0)
    for number in (1, 2):
        await publisher.publish([_numbered(topic, run, number)])
    await publisher.stop()

    found: list[int] = []
    async with asyncio.timeout(20):
        while not found or found[-1] != 2:
            record = await consumer.getone()
            if record.key == run.encode():
                found.append(int(record.value))
    await consumer.stop()
    # the hung broker may have had the first try in its socket already: a repetition, in its place
    assert found in ([0, 1, 2], [0, 1, 1, 2])
    gc.collect()


def _numbered(topic: str, run: str, number: int) -> Record:
    return Record(topic, run, [], str(number).encode())
