"""The edge alone: events accepted over HTTP and over Kafka, against a bare producer's `send`.

The driver shares the machine with what it drives, as everything in this benchmark does.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from careline_cli.bench.measure import Pace, Stopwatch, catching_up, p99, publish_all
from careline_cli.bench.workload import purchase, raw_records
from careline_contracts.envelope import to_text
from careline_contracts.events.touchpoints import PurchaseCompleted
from careline_contracts.topics import TOUCHPOINTS
from careline_localstack import LocalStack, ServiceOptions

SEND_TOPIC = "careline.bench.send"
BATCH_EVENTS = 1_000
CONNECTIONS = 4
SINGLES_PER_SECOND = 200


async def measure_edge(
    stack: LocalStack, *, events: int, customers: int, seed: int, seconds: int
) -> dict[str, Any]:
    """The edge's figures; no service runs before or after."""
    await asyncio.to_thread(stack.start_services, ServiceOptions(), names=["ingest"])
    latency = await single_post_p99_ms(stack.endpoints.services["ingest"], seconds=seconds)
    batches = await http_batches(stack, events)
    await asyncio.to_thread(stack.services["ingest"].stop)
    await publish_all(stack, list(raw_records(events, customers=customers, seed=seed)))
    await asyncio.to_thread(stack.start_services, ServiceOptions(), names=["ingest"])
    raw = await catching_up(stack, "ingest")
    await asyncio.to_thread(stack.services["ingest"].stop)
    send = await bare_send(stack.endpoints.kafka, events)
    paces = {"send": send, "http_batch": batches, "kafka_raw": raw}
    return {
        "single_post_p99_ms": round(latency, 1),
        **{f"{name}_events_per_second": round(p.events_per_second) for name, p in paces.items()},
        **{f"{name}_cpu_us": round(p.cpu_us, 1) for name, p in paces.items()},
        "http_batch_ratio": round(batches.events_per_second / send.events_per_second, 2),
        "kafka_raw_ratio": round(raw.events_per_second / send.events_per_second, 2),
    }


async def bare_send(bootstrap_servers: str, count: int) -> Pace:
    """The pace of `careline_cli.bench.send`."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic(SEND_TOPIC, TOUCHPOINTS.partitions, 1)])
    await admin.close()
    command = [sys.executable, "-m", "careline_cli.bench.send"]
    done = await asyncio.to_thread(
        subprocess.run,
        [*command, bootstrap_servers, TOUCHPOINTS.name, SEND_TOPIC, str(count)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return Pace(**json.loads(done.stdout))


async def http_batches(stack: LocalStack, count: int) -> Pace:
    """The pace at which ingest accepts batches of a thousand."""
    bodies = [
        b"[%b]"
        % b",".join(_event(f"b{first}", number) for number in range(first, first + BATCH_EVENTS))
        for first in range(0, count, BATCH_EVENTS)
    ]
    headers = {"content-type": "application/cloudevents-batch+json"}
    ingest_url = stack.endpoints.services["ingest"]
    async with httpx.AsyncClient(base_url=ingest_url, timeout=60) as http:

        async def send(mine: Sequence[bytes]) -> None:
            for body in mine:
                answer = await http.post("/v1/touchpoints", content=body, headers=headers)
                answer.raise_for_status()

        stopwatch = Stopwatch(stack, "ingest")
        await asyncio.gather(*(send(bodies[n::CONNECTIONS]) for n in range(CONNECTIONS)))
        return stopwatch.pace(len(bodies) * BATCH_EVENTS)


async def single_post_p99_ms(ingest_url: str, *, seconds: int) -> float:
    """How long a single POST takes at a steady rate, from sending to 202."""
    headers = {"content-type": "application/cloudevents+json"}
    waits: list[float] = []
    async with httpx.AsyncClient(base_url=ingest_url, timeout=60) as http:

        async def send(number: int) -> None:
            body = _event("s", number)
            began = time.perf_counter()
            answer = await http.post("/v1/touchpoints", content=body, headers=headers)
            waits.append(1000 * (time.perf_counter() - began))
            answer.raise_for_status()

        started = time.perf_counter()
        async with asyncio.TaskGroup() as sending:
            for number in range(SINGLES_PER_SECOND * seconds):
                await asyncio.sleep(started + number / SINGLES_PER_SECOND - time.perf_counter())
                sending.create_task(send(number))
    return p99(waits)


def _event(run: str, number: int) -> bytes:
    now = datetime.now(UTC)
    return (
        b'{"specversion":"1.0","id":"%b-%d-%d","source":"/bench/edge","type":"%b","time":"%b",'
        b'"data":%b}'
    ) % (
        run.encode(),
        int(now.timestamp() * 1000),
        number,
        PurchaseCompleted.type.encode(),
        to_text(now).encode(),
        purchase(number % 10_000, 12_900).to_json(),
    )
