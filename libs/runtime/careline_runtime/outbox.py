"""What a unit says goes into one packed row; the relay publishes rows in order and deletes them.

One relay a service leads, by an advisory lock: rows are published in the order of their ids, and a
customer's rows have ascending ids because the customer is locked while they are written. So order
per customer holds across instances, crashes and restarts. A row is deleted after Kafka has it, in
the lock's own session: no cursor over a sequence, nothing to lose in its gaps.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence

import msgpack
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from careline_contracts.envelope import Record
from careline_runtime import metrics
from careline_runtime.errors import is_infrastructure
from careline_runtime.publisher import Publisher

log = structlog.get_logger(__name__)

_WRITE = text("INSERT INTO outbox (records, record_count) VALUES (:records, :count)")
_READ = text("SELECT id, records FROM outbox ORDER BY id LIMIT :limit")
_DELETE = text("DELETE FROM outbox WHERE id = ANY(CAST(:ids AS bigint[]))")
_MEASURE = text("""
    SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(written_at)), 0)
    FROM outbox
""")
_LEAD = text("SELECT pg_try_advisory_lock(hashtext('careline.outbox'))")

ROWS_A_READ = 8
POLL_SECONDS = 1.0
MEASURE_SECONDS = 5.0
# a leader that stops answering (SIGSTOP, half-open connection) loses the lock after this
LEADER_IDLE_TIMEOUT = "15s"


def pack(records: Sequence[Record]) -> bytes:
    """The records of one unit as one value."""
    return bytes(msgpack.packb(records))


def unpack(packed: bytes) -> list[Record]:
    """The way back of `pack`."""
    return [Record(*row) for row in msgpack.unpackb(packed, use_list=False)]


async def write(connection: AsyncConnection, records: Sequence[Record]) -> None:
    """Adds one packed row to the unit."""
    await connection.execute(_WRITE, {"records": pack(records), "count": len(records)})


class Relay:
    """Publishes the outbox of one service while this instance leads."""

    def __init__(self, engine: AsyncEngine, publisher: Publisher) -> None:
        self._engine = engine
        self._publisher = publisher
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._measured_at = -MEASURE_SECONDS

    def wake(self) -> None:
        """There may be something to publish."""
        self._wake.set()

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
            try:
                while not (await connection.execute(_LEAD)).scalar_one():
                    _report(0, 0)  # the leader measures
                    await self._pause()
                    if self._stopping:
                        return
                while True:
                    self._wake.clear()
                    if not await self._publish_some(connection):
                        if self._stopping:
                            return
                        await self._pause()
            finally:
                # the session holds the lock and a timeout of its own: never back into the pool
                await connection.invalidate()

    async def _publish_some(self, connection: AsyncConnection) -> bool:
        rows = (await connection.execute(_READ, {"limit": ROWS_A_READ})).all()
        if not rows:
            _report(0, 0)
            return False
        await self._measure(connection)
        records = [record for _, packed in rows for record in unpack(packed)]
        await self._publisher.publish(records)
        await connection.execute(_DELETE, {"ids": [id for id, _ in rows]})
        return True

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
