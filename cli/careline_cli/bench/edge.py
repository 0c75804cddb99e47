"""The edge alone: events accepted over HTTP and over Kafka, against a bare producer's `send`.

The driver shares the machine with what it drives, as everything in this benchmark does.
"""

import asyncio
import math
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from careline_cli.bench.workload import purchase
from careline_contracts.envelope import to_text
from careline_contracts.events.touchpoints import PurchaseCompleted
from careline_localstack import Endpoints

SEND_TOPIC = "careline.bench.send"
BATCH_EVENTS = 1_000
CONNECTIONS = 4
SINGLES_PER_SECOND = 200


async def bare_send(bootstrap_servers: str, count: int) -> float:
    """Events per second of aiokafka's `send` with acks=all and idempotence, and nothing else."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic(SEND_TOPIC, 6, 1)])
    await admin.close()
    body = purchase(1, 12_900).to_json()
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers, acks="all", enable_idempotence=True, linger_ms=5
    ) as producer:
        started = time.perf_counter()
        sent = [
            await producer.send(SEND_TOPIC, body, key=f"C{number % 1000}".encode())
            for number in range(count)
        ]
        await asyncio.gather(*sent)
        return count / (time.perf_counter() - started)


async def http_batches(ingest_url: str, count: int) -> float:
    """Events per second that ingest accepts in batches of a thousand."""
    bodies = [
        b"[%b]"
        % b",".join(_event(f"b{first}", number) for number in range(first, first + BATCH_EVENTS))
        for first in range(0, count, BATCH_EVENTS)
    ]
    headers = {"content-type": "application/cloudevents-batch+json"}
    async with httpx.AsyncClient(base_url=ingest_url, timeout=60) as http:

        async def send(mine: Sequence[bytes]) -> None:
            for body in mine:
                answer = await http.post("/v1/touchpoints", content=body, headers=headers)
                answer.raise_for_status()

        started = time.perf_counter()
        await asyncio.gather(*(send(bodies[n::CONNECTIONS]) for n in range(CONNECTIONS)))
        return len(bodies) * BATCH_EVENTS / (time.perf_counter() - started)


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
    return sorted(waits)[math.ceil(len(waits) * 0.99) - 1]


async def measure_edge(
    endpoints: Endpoints, *, events: int, seconds: int, kafka_raw: float
) -> dict[str, Any]:
    """The edge's figures; `kafka_raw` is what ingest's stage alone makes of raw topics."""
    ingest_url = endpoints.services["ingest"]
    latency = await single_post_p99_ms(ingest_url, seconds=seconds)
    batches = await http_batches(ingest_url, events)
    send = await bare_send(endpoints.kafka, events)
    return {
        "send_events_per_second": round(send),
        "http_batch_events_per_second": round(batches),
        "http_batch_ratio": round(batches / send, 2),
        "kafka_raw_events_per_second": round(kafka_raw),
        "kafka_raw_ratio": round(kafka_raw / send, 2),
        "single_post_p99_ms": round(latency, 1),
    }


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
