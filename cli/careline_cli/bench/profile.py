"""Profile alone among ten thousand and among a million customers, and how long a look-up takes.

The customers are made up and copied into profile's tables, each with a card, a phone, the link of
both and a first contact. The load is of them: at a million nearly every event is of somebody who
lies in no cache.
"""

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer

from careline_cli.bench import measure
from careline_cli.bench.workload import card_number, phone_number, raw_records
from careline_cli.replay import Pipeline
from careline_contracts.events.touchpoints import StoreVisited
from careline_contracts.topics import TOUCHPOINTS
from careline_localstack import LocalStack, ServiceOptions
from careline_profile.rules import customer_number, token_of
from careline_runtime.keyring import Keyring
from careline_runtime.setup import migrate

LOOKUPS_PER_SECOND = 200
HOT_CUSTOMERS = 200
"""Whose persons are on the line at the same time: their cards lie in Valkey."""
BEFORE = datetime(2024, 1, 1, tzinfo=UTC)
NOBODY = UUID(int=0)
COPIED_AT_ONCE = 100_000


async def measure_profile(
    stack: LocalStack, *, events: int, seed: int, seconds: int, sizes: Sequence[int]
) -> dict[str, Any]:
    """The pace at each size against the ceiling, then look-ups among the largest."""
    # whoever starts a service makes the topics
    await asyncio.to_thread(stack.start_services, ServiceOptions(), names=["ingest"])
    await asyncio.to_thread(stack.services["ingest"].stop)
    await measure.fill_ceiling_topic(stack, events)
    ceiling = await measure.ceiling(stack, events, "default")
    keyring = Keyring.load(stack.home.keyring_file)
    paces, database_us = {}, {}
    for size in sizes:
        await _begin_with(stack, keyring, size)
        await _touchpoints(stack, events, customers=size, seed=seed)
        await asyncio.to_thread(stack.start_services, ServiceOptions(), names=["profile"])
        used_before = measure.cpu_of(stack.postgres)
        paces[size] = await measure.catching_up(stack, "profile")
        database_us[size] = 1e6 * (measure.cpu_of(stack.postgres) - used_before) / events
        if size != sizes[-1]:
            await asyncio.to_thread(stack.services["profile"].stop)
    lookups = await _lookups(stack, sizes[-1], seed=seed, seconds=seconds)
    await asyncio.to_thread(stack.services["profile"].stop)
    few, many = (paces[size] for size in (sizes[0], sizes[-1]))
    return {
        "ceiling_events_per_second": round(ceiling),
        "by_customers": {
            str(size): {
                "events_per_second": round(pace.events_per_second),
                "ratio": round(pace.events_per_second / ceiling, 2),
                "cpu_us": round(pace.cpu_us, 1),
                "database_cpu_us": round(database_us[size], 1),
            }
            for size, pace in paces.items()
        },
        "cpu_slower_percent": round(100 * (many.cpu_us / max(few.cpu_us, 0.1) - 1), 1),
        "lookup_p99_ms": lookups,
    }


async def _begin_with(stack: LocalStack, keyring: Keyring, customers: int) -> None:
    """A database of so many customers that begins where its topic ends."""
    url = stack.endpoints.databases["profile"]
    await measure.empty(stack, "profile")
    await asyncio.to_thread(migrate, "profile", url)
    connection = await asyncpg.connect(url)
    for first in range(0, customers, COPIED_AT_ONCE):
        some = range(first, min(first + COPIED_AT_ONCE, customers))
        made_up = [_names(keyring, number) for number in some]
        for table, columns, rows in _rows(made_up):
            await connection.copy_records_to_table(table, columns=columns, records=rows)
    await connection.execute("VACUUM ANALYZE", timeout=600)
    await connection.executemany(
        "INSERT INTO consumer_offsets (topic, partition, next_offset) VALUES ($1, $2, $3)",
        await _ends(stack.endpoints.kafka),
    )
    await connection.close()


def _names(keyring: Keyring, number: int) -> tuple[str, str, str]:
    """Card, phone and customer number of somebody in the load."""
    card = keyring.reference("member_card", card_number(number))
    return card, keyring.reference("phone", phone_number(number)), customer_number(card)


def _rows(
    made_up: Sequence[tuple[str, str, str]],
) -> Iterator[tuple[str, list[str], Iterator[tuple[Any, ...]]]]:
    yield (
        "customers",
        ["number", "version", "created_at"],
        ((number, 2, BEFORE) for _, _, number in made_up),
    )
    # nobody opens them here
    yield (
        "identities",
        ["ref", "sealed", "customer", "recorded_at", "event_key"],
        (
            (ref, "sealed", number, BEFORE, NOBODY)
            for card, phone, number in made_up
            for ref in (card, phone)
        ),
    )
    yield (
        "links",
        ["a", "b", "source", "month", "event_key", "occurred_at"],
        (
            (card, phone, "/bench/before", date(2024, 1, 1), NOBODY, BEFORE)
            for card, phone, _ in made_up
        ),
    )
    yield (
        "timeline",
        ["token", "occurred_at", "event_key", "channel", "type", "body"],
        (
            (token_of(card), BEFORE, NOBODY, "store", StoreVisited.type, "{}")
            for card, _, _ in made_up
        ),
    )


async def _ends(bootstrap_servers: str) -> list[tuple[str, int, int]]:
    consumer = AIOKafkaConsumer(TOUCHPOINTS.name, bootstrap_servers=bootstrap_servers)
    await consumer.start()
    ends = await consumer.end_offsets(consumer.assignment())
    await consumer.stop()
    return [(one.topic, one.partition, end) for one, end in ends.items()]


async def _touchpoints(stack: LocalStack, events: int, *, customers: int, seed: int) -> None:
    """What ingest makes of the load waits for profile."""
    records = list(raw_records(events, customers=customers, seed=seed))
    await asyncio.to_thread(stack.start_services, ServiceOptions(), names=["ingest"])
    await measure.publish_all(stack, records)
    async with Pipeline(stack.endpoints, services=["ingest"]) as running:
        await running.drain()
    await asyncio.to_thread(stack.services["ingest"].stop)


async def _lookups(
    stack: LocalStack, customers: int, *, seed: int, seconds: int
) -> dict[str, float]:
    """By identity, at a steady rate: of whoever is on the line, and of anybody."""
    chance = random.Random(seed)  # noqa: S311 (not a secret: the same people on every run)
    count = LOOKUPS_PER_SECOND * seconds
    url = stack.endpoints.services["profile"]
    return {
        "hot": await _p99(url, [chance.randrange(HOT_CUSTOMERS) for _ in range(count)]),
        "cold": await _p99(url, [chance.randrange(customers) for _ in range(count)]),
    }


async def _p99(profile_url: str, customers: Sequence[int]) -> float:
    waits: list[float] = []
    async with httpx.AsyncClient(base_url=profile_url, timeout=60) as http:

        async def look_up(number: int) -> None:
            name = f"member_card:{card_number(number)}"
            began = time.perf_counter()
            answer = await http.post("/v1/customers/lookup", json={"identity": name})
            waits.append(1000 * (time.perf_counter() - began))
            answer.raise_for_status()

        for number in set(customers[:HOT_CUSTOMERS]):
            await look_up(number)
        waits.clear()
        started = time.perf_counter()
        async with asyncio.TaskGroup() as asking:
            for n, number in enumerate(customers):
                await asyncio.sleep(started + n / LOOKUPS_PER_SECOND - time.perf_counter())
                asking.create_task(look_up(number))
    return round(measure.p99(waits), 1)
