"""The thin port to Kafka's producing side: in order per key, acknowledged by all, bounded in time.

Records are grouped by partition into whole batches (`send_batch` makes 270,000 records a second
where `send` makes 45,000). The producer is rebuilt after any error that retrying can't heal and
after 10⁹ records: with idempotence on, one refused record otherwise breaks a partition for good,
and the sequence number wraps at 2³¹.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from functools import lru_cache

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.partitioner import murmur2

from careline_contracts.envelope import Record
from careline_runtime import metrics
from careline_runtime.kafka_access import client_options

log = structlog.get_logger(__name__)

BATCH_BYTES = 256 * 1024
MAX_REQUEST_BYTES = 5 * 1024 * 1024
RECORDS_PER_PRODUCER = 10**9
DISCARD_TIMEOUT_SECONDS = 5.0
SEND_TIMEOUT_SECONDS = 10.0
"""For waiting, connecting and sending together. Shorter than the relay's lease
(`outbox.LEADER_IDLE_TIMEOUT`): who publishes still leads."""


@lru_cache(maxsize=100_000)
def partition_hash(key: str | bytes) -> int:
    """Kafka's own hash of a key (murmur2), so that any client finds the same partition."""
    return int(murmur2(key.encode() if isinstance(key, str) else key) & 0x7FFFFFFF)


class Publisher:
    """Owns one idempotent producer. `publish` returns when the broker has everything."""

    def __init__(self, bootstrap_servers: str, *, client_id: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._client_id = client_id
        self._producer: AIOKafkaProducer | None = None
        self._sent = 0
        self._turn = asyncio.Lock()

    async def start(self) -> None:
        """Connects; raises `KafkaError` when no broker answers."""
        await self._connected()

    async def stop(self) -> None:
        await self._discard()

    async def publish(self, records: Sequence[Record]) -> None:
        """Publishes in order per key; after `KafkaError` or `TimeoutError`, try it again whole.

        A second try repeats records under the same ids, which readers' inboxes know.
        """
        if not records:
            return
        async with asyncio.timeout(SEND_TIMEOUT_SECONDS), self._turn:
            try:
                await self._send(await self._connected(), records)
            except BaseException:  # the end of the time allowed comes as a cancellation
                await self._discard()
                raise
            metrics.events_published.inc(len(records))
            self._sent += len(records)
            if self._sent >= RECORDS_PER_PRODUCER:
                await self._discard()

    async def _send(self, producer: AIOKafkaProducer, records: Sequence[Record]) -> None:
        partitions = {
            topic: len(await producer.partitions_for(topic)) for topic in {r.topic for r in records}
        }
        queues: dict[tuple[str, int], list[Record]] = {}
        for record in records:
            place = (record.topic, partition_hash(record.key) % partitions[record.topic])
            queues.setdefault(place, []).append(record)
        # one batch of each partition at a time: a refused batch is never overtaken by a later one
        while queues:
            acknowledgements = []
            for place, queue in list(queues.items()):
                batch = producer.create_batch()
                taken = _fill(batch, queue)
                acknowledgements.append(
                    await producer.send_batch(batch, place[0], partition=place[1])
                )
                if taken == len(queue):
                    del queues[place]
                else:
                    queues[place] = queue[taken:]
            await asyncio.gather(*acknowledgements)

    async def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                **client_options(self._bootstrap_servers),
                client_id=self._client_id,
                acks="all",
                enable_idempotence=True,
                linger_ms=0,
                max_batch_size=BATCH_BYTES,
                max_request_size=MAX_REQUEST_BYTES,
                request_timeout_ms=15_000,
            )
            self._producer, self._sent = producer, 0
            try:
                await producer.start()
            except BaseException:
                await self._discard()
                raise
        return self._producer

    async def _discard(self) -> None:
        """Ends the producer without sending what it still holds: it would come after what the
        next producer sends, and so out of order."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        metrics.producer_rebuilds.inc()
        with contextlib.suppress(KafkaError, TimeoutError, OSError):
            async with asyncio.timeout(DISCARD_TIMEOUT_SECONDS):
                # `stop` alone flushes first, for as long as the broker is away
                await producer._sender.close()
        producer._message_accumulator.fail_all(KafkaError("the producer was discarded"))
        with contextlib.suppress(KafkaError, TimeoutError, OSError):
            async with asyncio.timeout(DISCARD_TIMEOUT_SECONDS):
                await producer.stop()


def _fill(batch: object, queue: list[Record]) -> int:
    """Appends to `batch` until it is full; returns how many of `queue` it took."""
    timestamp = int(time.time() * 1000)
    for taken, record in enumerate(queue):
        appended = batch.append(  # type: ignore[attr-defined]
            timestamp=timestamp,
            key=(record.key.encode() or None) if isinstance(record.key, str) else record.key,
            value=record.value,
            headers=list(record.headers),
        )
        if appended is None:
            if taken == 0:
                raise MessageSizeTooLargeError(f"a record for {record.topic} is over the limit")
            return taken
    return len(queue)
