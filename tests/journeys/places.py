"""Everything that the product keeps or says, place by place, and which secrets lie open in it."""

import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from pathlib import Path

import asyncpg
import httpx
import redis
from aiokafka import ConsumerRecord

from careline_contracts.envelope import Record
from careline_contracts.topics import CATALOGUE, RAW
from careline_localstack import LocalStack
from tests.reading import records_on

Place = tuple[str, bytes]
"""Where something is kept or said, and what."""

SEARCHED = frozenset(
    {"profile", "scoring", "engagement", "ticketing", "careline", "valkey", "log", "answer"}
)
"""The kinds of places of which there are always some: tables by service, topics, Valkey, logs."""


def open_in(places: Iterable[Place], secrets: set[str]) -> set[tuple[str, str]]:
    """Which secrets are where: as text, escaped as in JSON, or in the hex of PostgreSQL's bytea."""
    forms = {
        form
        for secret in secrets
        for form in (
            (secret, secret.encode()),
            (secret, json.dumps(secret)[1:-1].encode()),
            (secret, secret.encode().hex().encode()),
        )
    }
    return {(place, secret) for place, text in places for secret, form in forms if form in text}


async def all_places(stack: LocalStack) -> list[Place]:
    """Every topic behind the edge, table, key of Valkey, metric, answer and log of a stack."""
    endpoints = stack.endpoints
    behind_the_edge = [topic for topic in CATALOGUE if topic not in RAW.values()]
    places = [
        *[(r.topic, content(r)) async for r in records_on(endpoints.kafka, behind_the_edge)],
        *[row async for row in rows(endpoints.databases)],
        *remembered(endpoints.valkey),
        *[answer async for answer in answers(endpoints.services)],
        *logs(stack.home.logs),
    ]
    assert {place.partition(".")[0].partition(" ")[0] for place, _ in places} >= SEARCHED
    return places


def content(record: ConsumerRecord | Record) -> bytes:
    """Key, value and headers of a record."""
    parts = [record.key, record.value, *(part for header in record.headers for part in header)]
    return b"\n".join(part.encode() if isinstance(part, str) else part or b"" for part in parts)


async def rows(databases: Mapping[str, str]) -> AsyncIterator[Place]:
    """Every row of every table of every service."""
    for service, url in databases.items():
        connection = await asyncpg.connect(url)
        try:
            tables = await connection.fetch(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            )
            for (table,) in tables:
                query = f'SELECT t::text FROM "{table}" t'  # noqa: S608
                for (row,) in await connection.fetch(query):
                    yield f"{service}.{table}", row.encode()
        finally:
            await connection.close()


def remembered(url: str) -> Iterator[Place]:
    """Every key of Valkey and what it holds."""
    with redis.Redis.from_url(url) as valkey:
        for key in valkey.scan_iter():
            yield "valkey", key
            match valkey.type(key):
                case b"string":
                    yield "valkey", valkey.get(key) or b""
                case b"set":
                    yield "valkey", b"\n".join(valkey.smembers(key))
                case b"hash":
                    yield "valkey", repr(valkey.hgetall(key)).encode()
                case b"zset":
                    yield "valkey", repr(valkey.zrange(key, 0, -1, withscores=True)).encode()
                case other:
                    raise AssertionError(f"teach this test to read a {other!r}")


async def answers(services: Mapping[str, str]) -> AsyncIterator[Place]:
    """What each service says to whoever asks without a token."""
    async with httpx.AsyncClient() as http:
        for service, url in services.items():
            for path in ("/metrics", "/status", "/v1/summary"):
                answer = await http.get(url + path)
                yield f"answer {service}{path}", answer.raise_for_status().content


def logs(folder: Path) -> Iterator[Place]:
    """Every log of servers and services."""
    for log in folder.rglob("*"):
        if log.is_file():
            yield f"log {log.name}", log.read_bytes()
