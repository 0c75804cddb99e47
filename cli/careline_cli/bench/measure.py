"""The measurements: ceiling, pipeline, each stage alone, latency, memory, idle cost."""

import asyncio
import contextlib
import math
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Literal, NamedTuple

import asyncpg
import psutil
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from careline_cli.bench.workload import purchase, raw_record, raw_records
from careline_cli.console import CommandError
from careline_cli.replay import Pipeline
from careline_contracts.envelope import Record, from_headers
from careline_contracts.topics import TIER_CHANGES
from careline_localstack import LocalStack, ServiceOptions
from careline_localstack.server import Server
from careline_runtime.publisher import Publisher

CEILING_TOPIC = "careline.bench.ceiling"
CEILING_VALUE = b'{"channel":"store","amount_minor":1177,"currency":"CNY","items":1}'
PUBLISHED_AT_ONCE = 5_000


class Pace(NamedTuple):
    """How fast something went, and the CPU time of the process that did it."""

    events_per_second: float
    cpu_us: float
    """For one event."""


class Stopwatch:
    """Runs from when it is made."""

    def __init__(self, stack: LocalStack, service: str) -> None:
        self._process = _process(stack.services[service])
        self._used_before, self._started = _cpu_of(self._process), time.perf_counter()

    def pace(self, events: int) -> Pace:
        """Of `events` until now; zero where none was left to watch."""
        if events == 0:
            return Pace(0.0, 0.0)
        seconds = time.perf_counter() - self._started
        return Pace(events / seconds, 1e6 * (_cpu_of(self._process) - self._used_before) / events)


async def fill_ceiling_topic(stack: LocalStack, count: int) -> None:
    """What both ceilings read."""
    bootstrap = stack.endpoints.kafka
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(CEILING_TOPIC, 6, 1)])
    await admin.close()
    headers = [("content-type", b"application/json")]
    await publish_all(
        stack, [Record(CEILING_TOPIC, f"C{n % 1000}", headers, CEILING_VALUE) for n in range(count)]
    )


async def publish_all(stack: LocalStack, records: Sequence[Record]) -> None:
    """Publishes by a producer of its own."""
    publisher = Publisher(stack.endpoints.kafka, client_id="careline-bench")
    await _publish(publisher, records)
    await publisher.stop()


async def ceiling(stack: LocalStack, count: int, mode: Literal["default", "quiet"]) -> float:
    """Events per second of a FastStream subscriber that does nothing, with or without its log."""
    command = [sys.executable, "-m", "careline_cli.bench.ceiling"]
    done = await asyncio.to_thread(
        subprocess.run,
        [*command, stack.endpoints.kafka, CEILING_TOPIC, str(count), mode],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    return float(done.stderr.splitlines()[-1])


async def pipeline(
    stack: LocalStack, count: int, *, customers: int, seed: int
) -> tuple[float, dict[str, float]]:
    """Touchpoints per second from raw topics through all five services, until all is published;
    and the CPU time that one of them takes in each process, in µs.
    """
    records = list(raw_records(count, customers=customers, seed=seed))
    async with Pipeline(stack.endpoints) as running:
        await running.drain()
        used_before, started = _cpu_seconds(stack), time.perf_counter()
        await _publish(running.publisher, records)
        await running.drain()
        seconds, used = time.perf_counter() - started, _cpu_seconds(stack)
    return count / seconds, {
        name: round(1e6 * (used[name] - before) / count, 1) for name, before in used_before.items()
    }


async def stage_alone(stack: LocalStack, service: str) -> Pace:
    """The pace of one service on what the pipeline left in its topics."""
    # a service begins where its database says; ingest has none, and begins where Kafka says
    if service == "ingest":
        await _rewind(stack.endpoints.kafka, "careline.ingest")
    else:
        await empty(stack, service)
    await asyncio.to_thread(stack.start_services, ServiceOptions(), names=[service])
    pace = await catching_up(stack, service)
    await asyncio.to_thread(stack.services[service].stop)
    return pace


async def catching_up(stack: LocalStack, service: str) -> Pace:
    """The pace of a service that has just started, until it has handled all that was waiting."""
    async with Pipeline(stack.endpoints, services=[service]) as running:
        handled = await _first_progress(running, service)
        stopwatch = Stopwatch(stack, service)
        statuses = await running.drain()
        total: int = sum(statuses[service]["positions"].values())
        return stopwatch.pace(total - handled)


async def latency_p99_ms(stack: LocalStack, *, events_per_second: int, seconds: int) -> float:
    """From acceptance at the edge until a consumer holds the tier change, at a steady rate.

    The record's own timestamp would flatter: its producer sets it before Kafka has acknowledged.
    Each event is a new customer's first purchase, so that each one changes a tier.
    """
    consumer = AIOKafkaConsumer(TIER_CHANGES.name, bootstrap_servers=stack.endpoints.kafka)
    await consumer.start()
    await consumer.seek_to_end()
    waits: list[float] = []
    count = events_per_second * seconds
    run = f"latency-{time.time():.0f}"

    async def collect() -> None:
        while len(waits) < count:
            batches = await consumer.getmany(timeout_ms=100)
            received = time.time()
            for record in chain.from_iterable(batches.values()):
                accepted = from_headers(record.headers).recorded_at.timestamp()
                waits.append(1000 * (received - accepted))

    async with Pipeline(stack.endpoints) as running:
        await running.drain()
        collecting = asyncio.create_task(collect())
        started = time.perf_counter()
        step = max(1, events_per_second // 50)
        for first in range(0, count, step):
            now = datetime.now(UTC)
            await running.publisher.publish(
                [
                    raw_record(f"{n}", purchase(5_000_000 + n, 10_000), now, run=run)
                    for n in range(first, min(first + step, count))
                ]
            )
            due = started + (first + step) / events_per_second
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
        await asyncio.wait_for(collecting, timeout=60)
    await consumer.stop()
    return p99(waits)


def p99(values: Sequence[float]) -> float:
    """The least value that 99 of 100 don't exceed."""
    return sorted(values)[math.ceil(len(values) * 0.99) - 1]


def rss_mb(stack: LocalStack) -> dict[str, int]:
    """Resident memory of each service."""
    return {
        name: _process(service).memory_info().rss // 1_000_000
        for name, service in stack.services.items()
    }


async def idle_cpu_percent(stack: LocalStack, *, seconds: int) -> float:
    """Share of one core that the five services use together when nothing happens."""

    def used() -> float:
        return sum(sum(_process(service).cpu_times()[:2]) for service in stack.services.values())

    async with Pipeline(stack.endpoints) as running:
        await running.drain()
    await asyncio.sleep(2)
    before = used()
    await asyncio.sleep(seconds)
    return 100 * (used() - before) / seconds


async def _publish(publisher: Publisher, records: Sequence[Record]) -> None:
    for start in range(0, len(records), PUBLISHED_AT_ONCE):
        await publisher.publish(records[start : start + PUBLISHED_AT_ONCE])


async def _first_progress(running: Pipeline, service: str) -> int:
    """How many events had been handled when progress was first seen."""
    while True:
        status = (await running.statuses())[service]
        handled: int = sum(status["positions"].values())
        if handled:
            return handled
        await asyncio.sleep(0.02)


async def empty(stack: LocalStack, service: str) -> None:
    """Throws away all that the service keeps; its next start migrates an empty database."""
    connection = await asyncpg.connect(stack.endpoints.databases[service])
    schemas = await connection.fetchval(
        "SELECT string_agg(quote_ident(nspname), ', ') FROM pg_namespace"
        " WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
    )
    await connection.execute(f"DROP SCHEMA {schemas} CASCADE; CREATE SCHEMA public")
    await connection.close()


async def _rewind(bootstrap_servers: str, group: str) -> None:
    """Sets the group back to the beginning, as soon as Kafka has let its last member go."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    partitions = list(await admin.list_consumer_group_offsets(group))
    await admin.close()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers, group_id=group, enable_auto_commit=False
    )
    await consumer.start()
    try:
        consumer.assign(partitions)
        for _ in range(60):
            try:
                await consumer.commit(dict.fromkeys(partitions, 0))
            except KafkaError:
                await asyncio.sleep(0.5)
            else:
                return
        raise CommandError(f"Kafka still has members in group {group} after 30 s.")
    finally:
        await consumer.stop()


def _cpu_seconds(stack: LocalStack) -> dict[str, float]:
    """CPU time used so far by the services, the servers and this driver."""
    processes = [*stack.services.values(), *stack.servers]
    used = {process.name: cpu_of(process) for process in processes}
    return {**used, "driver": sum(psutil.Process().cpu_times()[:2])}


def cpu_of(server: Server) -> float:
    """CPU seconds that a service or a server has used so far."""
    return _cpu_of(_process(server))


def _cpu_of(process: psutil.Process) -> float:
    """With its children, which PostgreSQL has: those that ended are in its own times."""
    seconds: float = sum(process.cpu_times()[:4])
    for child in process.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended since it was found
            seconds += sum(child.cpu_times()[:2])
    return seconds


def _process(server: Server) -> psutil.Process:
    if server.pid is None:
        why = f"Read its log in {server.home.logs}."
        raise CommandError(f"{server.name} does not run.", fix=why)
    return psutil.Process(server.pid)
