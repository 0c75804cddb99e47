"""A database of one's own, migrated, and a stage on it that is fed by hand: no Kafka."""

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg
from aiokafka import ConsumerRecord
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from careline_contracts.envelope import Envelope, Record, from_headers, to_headers
from careline_contracts.payload import Payload
from careline_contracts.topics import Topic
from careline_runtime import outbox, tables, timers
from careline_runtime.batch import Hears
from careline_runtime.database import create_engine
from careline_runtime.dead_letter import Streak
from careline_runtime.setup import migrate
from careline_runtime.stages import Fire, Handle, TransactionalStage


class Said(NamedTuple):
    """One published event, as a test wants to see it."""

    topic: str
    key: str
    envelope: Envelope
    value: bytes


@contextlib.asynccontextmanager
async def fresh_database(admin_url: str, service: str | None = None) -> AsyncIterator[AsyncEngine]:
    """A new database, dropped at the end: migrated for `service`, or with the runtime's tables."""
    name = f"test_{service or 'runtime'}_{uuid.uuid4().hex[:8]}"
    original = await _original(admin_url, service)
    await _administer(admin_url, f"CREATE DATABASE {name} TEMPLATE {original}")
    engine = create_engine(_url(admin_url, name), service=service or "test")
    try:
        yield engine
    finally:
        await engine.dispose()
        await _administer(admin_url, f"DROP DATABASE {name} WITH (FORCE)")


_originals: dict[tuple[str, str | None], str] = {}


async def _original(admin_url: str, service: str | None) -> str:
    """What fresh databases are copies of, made once: a copy takes a tenth of the migrations."""
    made = _originals.get((admin_url, service))
    if made is not None:
        return made
    name = f"original_{service or 'runtime'}_{uuid.uuid4().hex[:8]}"
    await _administer(admin_url, f"CREATE DATABASE {name}")
    url = _url(admin_url, name)
    if service is None:
        engine = create_engine(url, service="test")
        async with engine.begin() as connection:
            await connection.run_sync(tables.metadata.create_all)
        await engine.dispose()
    else:
        await asyncio.to_thread(migrate, service, url)
    _originals[admin_url, service] = name
    return name


def _url(admin_url: str, database: str) -> str:
    driver = make_url(admin_url).set(drivername="postgresql+asyncpg", database=database)
    return driver.render_as_string(hide_password=False)


async def _administer(admin_url: str, statement: str) -> None:
    """Outside of any transaction, as what makes and drops databases must be."""
    connection = await asyncpg.connect(admin_url)
    await connection.execute(statement)
    await connection.close()


_TABLES = text("""
    SELECT schemaname || '.' || tablename FROM pg_tables
    WHERE schemaname IN ('public', 'protection')
    AND tablename NOT IN ('erased', 'erased_identities', 'erasures', 'erasure_answers', 'audit',
        'outbox')
""")


async def tables_naming(engine: AsyncEngine, names: Collection[str]) -> set[str]:
    """The tables with a row in which one of these names stands, anywhere.

    Not those that name the erased so that they don't come back, nor what is on its way out.
    """
    found = set()
    async with engine.connect() as connection:
        for table in (await connection.execute(_TABLES)).scalars().all():
            query = f"SELECT count(*) FROM {table} t WHERE t::text LIKE ANY(:names)"  # noqa: S608
            asked = {"names": [f"%{spelt}%" for name in names for spelt in _spelt(name)]}
            if (await connection.execute(text(query), asked)).scalar():
                found.add(table)
    return found


def _spelt(name: str) -> Iterator[str]:
    """A name as tables have it: an identity's token can stand alone, as a uuid."""
    yield name
    _, _, token = name.partition(":")
    if token:
        yield str(uuid.UUID(token))


class StageInTest:
    """A real stage on a real database, fed by hand: no Kafka in between."""

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        service: str,
        hears: Sequence[Hears],
        handle: Handle,
        fire: Fire | None = None,
        timer_lanes: int = 1,
        most_events: int = 1_000,
        dead_letters_in_a_row: int = 1_000,
    ) -> None:
        self.failures: list[str] = []
        self.engine = engine
        self.stage = TransactionalStage(
            engine,
            service=service,
            hears=hears,
            handle=handle,
            fire=fire,
            timer_lanes=timer_lanes,
            most_events=most_events,
            attempts=3,
            measure_latency=False,
            streak=Streak(dead_letters_in_a_row, self.failures.append),
        )
        self._offset = 0

    def record(
        self, topic: str, envelope: Envelope, payload: Payload, *, partition: int = 0
    ) -> ConsumerRecord:
        """The next record of a partition of `topic`."""
        headers, value = to_headers(envelope), payload.to_json()
        return self.raw(topic, headers=headers, value=value, partition=partition)

    def raw(
        self,
        topic: str,
        *,
        headers: Sequence[tuple[str, bytes]],
        value: bytes | None,
        partition: int = 0,
    ) -> ConsumerRecord:
        """The next record of a partition of `topic`, whatever it holds."""
        self._offset += 1
        return ConsumerRecord(
            topic=topic,
            partition=partition,
            offset=self._offset,
            timestamp=0,
            timestamp_type=0,
            key=b"",
            value=value,
            checksum=None,
            serialized_key_size=0,
            serialized_value_size=len(value or b""),
            headers=tuple(headers),
        )

    async def hear(self, records: Sequence[ConsumerRecord], *, batch: int = 1_000) -> None:
        """Settles the records, `batch` at a time."""
        for start in range(0, len(records), batch):
            await self.stage.settle(records[start : start + batch])

    async def tick(self, now: datetime) -> None:
        """Fires everything due by `now`."""
        while await self.stage.fire_due(now):
            pass

    async def said(self) -> list[Said]:
        """All that was said so far, in order, without dead letters and tombstones."""
        return [
            Said(r.topic, r.key, from_headers(r.headers), r.value)
            for r in await self.records()
            if isinstance(r.key, str)
            and r.value is not None
            and not r.topic.endswith("dead-letters.v1")
        ]

    async def said_on(self, *topics: Topic) -> list[dict[str, Any]]:
        """The data of what was said on these topics, in order."""
        names = {topic.name for topic in topics}
        return [json.loads(said.value) for said in await self.said() if said.topic in names]

    async def records(self) -> list[Record]:
        """All records in the outbox."""
        async with self.engine.connect() as connection:
            rows = await connection.execute(text("SELECT records FROM outbox ORDER BY id"))
            return [record for packed in rows.scalars() for record in outbox.unpack(packed)]

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a query finds in the database."""
        async with self.engine.connect() as connection:
            return [tuple(row) for row in await connection.execute(text(query))]

    async def next_due(self) -> datetime | None:
        """The earliest timer."""
        async with self.engine.connect() as connection:
            return await timers.next_due(connection)
