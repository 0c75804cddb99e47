"""What a unit says goes into one packed row; the relay publishes rows in order and deletes them.

One relay a service leads, by an advisory lock: rows are published in the order of their ids, and a
customer's rows have ascending ids because the customer is locked while they are written. So order
per customer holds across instances, crashes and restarts. A row is deleted after Kafka has it, in
the lock's own session: no cursor over a sequence, nothing to lose in its gaps.

The database says which rows are next. What the leader's own process has just committed is still in
its memory and is published from there; only what others, or an earlier life, left is read.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence

import cramjam
import msgpack
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from careline_contracts.envelope import Record
from careline_runtime import metrics
from careline_runtime.errors import is_infrastructure
from careline_runtime.lanes import LANES
from careline_runtime.publisher import Publisher

log = structlog.get_logger(__name__)

_WRITE = text("""
    INSERT INTO outbox (records, record_count) VALUES (:records, :count) RETURNING id
""")
# one statement sees the table as it was before: without what it deletes it says what is next
_DELETE_AND_FIND = text("""
    WITH gone AS (DELETE FROM outbox WHERE id = ANY(CAST(:published AS bigint[])))
    SELECT id FROM outbox WHERE id <> ALL(CAST(:published AS bigint[])) ORDER BY id LIMIT :limit
""")
_READ = text("SELECT id, records FROM outbox WHERE id = ANY(CAST(:ids AS bigint[]))")
_MEASURE = text("""
    SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(written_at)), 0)
    FROM outbox
""")
_LEAD = text("SELECT pg_try_advisory_lock(hashtext('careline.outbox'))")

ROWS_A_READ = 8
UNITS_IN_MEMORY = 2 * LANES
"""Committed and not published yet: those of one poll on their way and those of the next."""
ZSTD_LEVEL = 1
"""A tenth of the bytes for 0.4 µs a record; PostgreSQL's own pglz takes 9 µs, and finds nothing
left to do in what is compressed already."""
POLL_SECONDS = 1.0
MEASURE_SECONDS = 5.0
# a leader that stops answering (SIGSTOP, half-open connection) loses the lock after this
LEADER_IDLE_TIMEOUT = "15s"


def pack(records: Sequence[Record]) -> bytes:
    """The records of one unit as one value."""
    return bytes(cramjam.zstd.compress(msgpack.packb(records), level=ZSTD_LEVEL))


def unpack(packed: bytes) -> list[Record]:
    """The way back of `pack`."""
    rows = msgpack.unpackb(cramjam.zstd.decompress(packed), use_list=False)
    return [Record(*row) for row in rows]


async def write(connection: AsyncConnection, records: Sequence[Record]) -> int:
    """Adds one packed row to the unit; returns its id."""
    row = {"records": pack(records), "count": len(records)}
    id: int = (await connection.execute(_WRITE, row)).scalar_one()
    return id


class Relay:
    """Publishes the outbox of one service while this instance leads."""

    def __init__(self, engine: AsyncEngine, publisher: Publisher) -> None:
        self._engine = engine
        self._publisher = publisher
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._leads = False
        self._committed: dict[int, Sequence[Record]] = {}
        self._measured_at = -MEASURE_SECONDS

    def wake(self) -> None:
        """There may be something to publish."""
        self._wake.set()

    def hand_over(self, row: int, records: Sequence[Record]) -> None:
        """This process has committed `records` as `row`, which need not be read if it leads."""
        if self._leads and len(self._committed) < UNITS_IN_MEMORY:
            self._committed[row] = records
        self.wake()

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Publishes what is there, for at most ten seconds; the rest stays for the next start."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._task, timeout=10)

    async def _run(self) -> None:
        pause = 0.1
        while not self._stopping:
            try:
                await self._lead()
                pause = 0.1
            except Exception as error:
                if is_infrastructure(error):
                    log.warning("outbox.relay_waits", error=str(error)[:200])
                else:
                    log.exception("outbox.relay_failed", action="trying again; nothing is lost")
                await asyncio.sleep(pause)
                pause = min(5.0, pause * 2)

    async def _lead(self) -> None:
        async with self._engine.connect() as connection:
            connection = await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(text(f"SET idle_session_timeout = '{LEADER_IDLE_TIMEOUT}'"))
            # a delete that a crash undoes is published again, in order and under the same ids: not
            # worth waiting for the disk (docs/decisions/0029)
            await connection.execute(text("SET synchronous_commit = off"))
            try:
                while not (await connection.execute(_LEAD)).scalar_one():
                    _report(0, 0)  # the leader measures
                    await self._pause()
                    if self._stopping:
                        return
                self._leads = True
                ids: Sequence[int] = ()
                while True:
                    self._wake.clear()
                    ids = await self._delete_and_find(connection, ids)
                    if ids:
                        await self._publish(connection, ids)
                    elif self._stopping:
                        return
                    else:
                        _report(0, 0)
                        await self._pause()
            finally:
                self._leads = False
                self._committed.clear()
                # the session holds the lock and a timeout of its own: never back into the pool
                await connection.invalidate()

    async def _delete_and_find(
        self, connection: AsyncConnection, published: Sequence[int]
    ) -> Sequence[int]:
        """Deletes the rows that Kafka has; returns the ones that are next."""
        handed_over = list(self._committed)
        limits = {"published": published, "limit": ROWS_A_READ}
        ids = (await connection.execute(_DELETE_AND_FIND, limits)).scalars().all()
        if published:
            # also what was handed over too late, when its row had been read; a lower row that is
            # there is another lane's, which has committed meanwhile
            gone = {id for id in handed_over if id <= published[-1]}.difference(ids)
            for id in gone:
                del self._committed[id]
        return ids

    async def _publish(self, connection: AsyncConnection, ids: Sequence[int]) -> None:
        await self._measure(connection)
        units = {id: self._committed[id] for id in ids if id in self._committed}
        if unknown := [id for id in ids if id not in units]:
            rows = await connection.execute(_READ, {"ids": unknown})
            units |= {id: unpack(packed) for id, packed in rows}
        await self._publisher.publish([record for id in ids for record in units[id]])

    async def _measure(self, connection: AsyncConnection) -> None:
        """Counts what waits, now and then: a long queue takes long to count."""
        if time.monotonic() - self._measured_at >= MEASURE_SECONDS:
            [measured] = await connection.execute(_MEASURE)
            _report(*measured)
            self._measured_at = time.monotonic()

    async def _pause(self) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._wake.wait(), POLL_SECONDS)


def _report(pending: int, oldest_seconds: float) -> None:
    metrics.outbox_pending.set(pending)
    metrics.outbox_oldest_seconds.set(oldest_seconds)
