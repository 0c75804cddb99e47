"""The seal key is rotated while the product runs: without restart, gap or loss."""

import asyncio
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer

from careline_cli.replay import Pipeline
from careline_contracts.events.ingest import Touchpoint
from careline_contracts.topics import TOUCHPOINTS
from careline_localstack import LocalStack
from careline_runtime.keyring import Keyring

pytestmark = pytest.mark.stack


class Keys:
    """`careline keys` on the running stack."""

    def __init__(self, stack: LocalStack) -> None:
        self._environment = {**os.environ, "CARELINE_HOME": str(stack.home.root)}

    def __call__(self, *arguments: str, exit_code: int = 0) -> tuple[str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "careline_cli", "keys", *arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == exit_code, done.stderr
        return done.stdout, done.stderr


@pytest.fixture
def keys(running_services: LocalStack) -> Iterator[Keys]:
    keys = Keys(running_services)
    yield keys
    keys("use", "k1")


@pytest.fixture
async def touchpoints(pipeline: Pipeline) -> Any:
    """Touchpoints that are published from now on."""
    consumer = AIOKafkaConsumer(
        TOUCHPOINTS.name,
        bootstrap_servers=pipeline.endpoints.kafka,
        auto_offset_reset="latest",
    )
    await consumer.start()
    for partition in consumer.assignment():
        await consumer.position(partition)
    yield consumer
    await consumer.stop()


async def chat(pipeline: Pipeline, touchpoints: AIOKafkaConsumer, id: str) -> Touchpoint:
    """What ingest makes of the same customer's same words."""
    event = {
        "specversion": "1.0",
        "id": f"rotation-{id}",
        "source": "/chat/rotation",
        "type": "careline.chat-message.received.v1",
        "time": "2026-01-05T09:00:00+08:00",
        "data": {
            "identities": [{"kind": "phone", "value": "13900000427"}],
            "session": "s",
            "text": "the same words",
        },
    }
    async with httpx.AsyncClient() as http:
        answer = await http.post(
            f"{pipeline.endpoints.services['ingest']}/v1/touchpoints",
            json=event,
            headers={"content-type": "application/cloudevents+json"},
        )
    assert answer.status_code == 202
    while True:
        record = await touchpoints.getone()
        if dict(record.headers)["ce_id"].decode() == event["id"]:
            return Touchpoint.parse(record.value)


async def test_a_new_key_seals_within_seconds_and_the_old_one_stays_while_it_is_needed(
    running_services: LocalStack, pipeline: Pipeline, keys: Keys, touchpoints: AIOKafkaConsumer
) -> None:
    before = await chat(pipeline, touchpoints, "before")
    new = json.loads(keys("add", "--json")[0])["id"]
    spare = json.loads(keys("add", "--json")[0])["id"]
    keys("use", new)
    async with asyncio.timeout(10):
        for n in itertools.count():
            after = await chat(pipeline, touchpoints, f"after-{n}")
            if after.sealed["text"].startswith(f"{new}."):
                break
    [identity], [old_identity] = after.identities, before.identities
    assert identity.sealed.startswith(f"{new}."), "also of an identity that was remembered"
    assert identity.token == old_identity.token

    ring = Keyring.load(running_services.home.keyring_file)
    for touchpoint in (before, after):
        assert ring.open("text", touchpoint.sealed["text"]) == "the same words"

    await pipeline.drain()
    # beside the loop, on which the consumer goes on fetching
    _, refused = await asyncio.to_thread(keys, "retire", "k1", exit_code=1)
    assert "identities" in refused
    assert TOUCHPOINTS.name in refused
    await asyncio.to_thread(keys, "retire", new, exit_code=1)
    anew = json.loads((await asyncio.to_thread(keys, "reencrypt", "--json"))[0])
    assert anew["key"] == new and anew["resealed"]["identities"] >= 1 and not anew["left"]
    _, refused = await asyncio.to_thread(keys, "retire", "k1", exit_code=1)
    assert "identities" not in refused
    assert TOUCHPOINTS.name in refused, "until its retention has passed"
    await asyncio.to_thread(keys, "retire", spare)
    assert spare not in keys("list")[0]
