"""Empties databases and lets their services hear every topic again, from its first record on."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import asyncpg

from careline_cli.replay import Pipeline
from careline_contracts.events.operations import ClockTicked
from careline_localstack import LocalStack
from careline_localstack.services import ServiceOptions
from tests.journeys.faults.evidence import Rows, read_tables

HEARERS_FIRST: Sequence[Sequence[str]] = (("scoring",), ("ticketing",), ("profile",))
"""Who hears comes before who says, so that what is said again is heard by nobody.

Without engagement: whether a case is lost depends on what was known when its promise fell due, and
here the clock stands at its end while the first events come in.
"""
REPLAYED = tuple(service for services in HEARERS_FIRST for service in services)

# whose Kafka it is, and which migrations have run, is not heard
_TABLES = """
    SELECT string_agg(tablename, ', ') FROM pg_tables
    WHERE schemaname = 'public' AND tablename NOT IN ('kafka_cluster', 'alembic_version')
"""


async def hear_again(
    stack: LocalStack, options: ServiceOptions, *, clock: datetime, timeout_seconds: float
) -> dict[str, dict[str, Rows]]:
    """What each of `REPLAYED` has in the end; the other services stand still."""
    await asyncio.gather(*(asyncio.to_thread(each.stop) for each in stack.services.values()))
    tables = {}
    for services in HEARERS_FIRST:
        for service in services:
            await _empty(stack.endpoints.databases[service])
        await asyncio.to_thread(stack.start_services, options, names=services)
        async with Pipeline(stack.endpoints, services=services) as pipeline:
            await pipeline.drain(by=ClockTicked(now=clock), timeout_seconds=timeout_seconds)
        for service in services:
            await asyncio.to_thread(stack.services[service].stop)
            tables[service] = await read_tables(stack.endpoints.databases[service])
    return tables


async def _empty(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(f"TRUNCATE {await connection.fetchval(_TABLES)}")
    finally:
        await connection.close()
