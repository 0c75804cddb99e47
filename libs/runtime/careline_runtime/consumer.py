"""The batch subscriber: FastStream polls, a stage settles, Kafka hears now and then how far.

The database holds the truth; Kafka's offsets are a hint that saves reading again.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import structlog
from aiokafka import (
    AIOKafkaConsumer,
    ConsumerRebalanceListener,
    ConsumerRecord,
    TopicPartition,
)
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaAckableMessage
from sqlalchemy.ext.asyncio import AsyncEngine

from careline_contracts.topics import Topic
from careline_runtime import inbox, metrics
from careline_runtime.settings import ServiceSettings
from careline_runtime.stages import Stage
from careline_runtime.waiting import until_up

log = structlog.get_logger(__name__)

SESSION_TIMEOUT_MS = 10_000
FETCH_BYTES_A_PARTITION = 1024 * 1024
LONGEST_POLL_MILLISECONDS = 5_000
"""A poll ends as soon as something has come, and costs nothing until then."""
PAUSE_AFTER_A_FAILURE_SECONDS = 1.0
COMMIT_SECONDS = 1.0
"""How often offsets are committed to Kafka while events come. To commit after each of fifty small
units a second took as long as publishing what they say; what a crash leaves uncommitted the
database knows, and what ingest repeats is known by its ids (docs/decisions/0029)."""
COMMIT_TIMEOUT_SECONDS = 2.0
"""The client itself would try until a broker answers; to stop a service is not to wait for that."""
READ_ALL_FIRST_SECONDS = 60.0
"""How long the client asks Kafka for nothing while a part of what it has lies unread: longer than
any unit takes.

Its own tenth of a second is over before a large unit is. It then asks for the other partitions,
and where they have nothing new Kafka holds the answer back for half a second, in which none of this
broker's partitions can be asked for. What came meanwhile made the next unit as large.
"""


class _Batch(KafkaAckableMessage):
    """The records of one poll. That they are settled is for `Consumer.commit` to tell Kafka."""

    async def ack(self) -> None:
        self.committed = True  # type: ignore[assignment]


class Consumer:
    """Feeds what arrives on `topics` to `stage`, in order per partition, one poll at a time."""

    def __init__(
        self,
        broker: KafkaBroker,
        topics: Sequence[Topic],
        *,
        group: str,
        stage: Stage,
        engine: AsyncEngine | None,
        settings: ServiceSettings,
        failed: Callable[[str], None],
        rest_seconds: float = 0.0,
    ) -> None:
        self.positions: inbox.Offsets = {}
        """Per assigned partition, the first offset not handled yet."""
        self._stage = stage
        self._engine = engine
        self._failed = failed
        self._placing: asyncio.Task[None] | None = None
        self._committed: inbox.Offsets = {}
        """What Kafka was told of `positions`, or need not be told."""
        self._is_leaving = False
        self._rest_seconds, self._rests_until = rest_seconds, 0.0
        self._most_records = settings.batch_max_records * stage.units_a_poll
        self._caught_up = asyncio.Event()
        self._caught_up.set()
        self._subscriber = broker.subscriber(
            *(topic.name for topic in topics),
            batch=True,
            group_id=group,
            group_instance_id=settings.instance,
            max_partition_fetch_bytes=FETCH_BYTES_A_PARTITION,
            auto_offset_reset="earliest",
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=2_000,
            rebalance_timeout_ms=30_000,
            # a safety net only: the stage retries, bisects and puts aside by itself
            ack_policy=AckPolicy.NACK_ON_ERROR,
            listener=_Assignment(self),
            parser=self._parse,
            decoder=_raw,
        )
        self._subscriber.get_msg = self.poll  # type: ignore[method-assign]
        self._subscriber(self.settle)
        if self._subscriber.ack_policy is AckPolicy.ACK_FIRST:
            raise AssertionError("ACK_FIRST loses events")

    async def caught_up(self, *, within_seconds: float) -> None:
        """Waits while polls come full, which means that more is waiting; but not for longer."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._caught_up.wait(), within_seconds)

    async def lags(self) -> dict[tuple[str, int], int]:
        """Records not handled yet, per assigned partition, asked from the broker."""
        consumer = self._subscriber.consumer
        if consumer is None or not self.positions:
            return {}
        partitions = [TopicPartition(*place) for place in self.positions]
        ends = await consumer.end_offsets(partitions)
        return {
            place: max(0, ends[TopicPartition(*place)] - p) for place, p in self.positions.items()
        }

    def assigned(self, partitions: Sequence[TopicPartition]) -> None:
        """Holds the partitions until each stands where the database says; without one, where Kafka
        does. A database restored from a backup so gets again what it has lost.

        It happens beside the rebalance: however long a server is away, this member stays in the
        group and can be stopped, and a failure is not swallowed by the client's callback.
        """
        metrics.rebalances.inc()
        self.positions = {}
        consumer = self._subscriber.consumer
        if consumer is not None and partitions:
            consumer._fetcher._prefetch_backoff = READ_ALL_FIRST_SECONDS
            consumer.pause(*partitions)
            self._placing = asyncio.create_task(self._place(consumer, partitions))

    async def release(self) -> None:
        """Stops placing partitions that may be another's by now; commits how far they are handled.

        A batch in hand may still commit its unit: the new owner finds its offsets moved.
        """
        if self._placing is not None:
            self._placing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._placing
        await self.commit()

    async def commit_now_and_then(self) -> None:
        """Commits what has moved, for ever."""
        while True:
            await asyncio.sleep(COMMIT_SECONDS)
            await self.commit()

    async def commit(self) -> None:
        """Tells Kafka how far the partitions are handled that have moved since it was told."""
        consumer = self._subscriber.consumer
        moved = dict(self.positions.items() - self._committed.items())
        if consumer is None or not moved:
            return
        try:
            async with asyncio.timeout(COMMIT_TIMEOUT_SECONDS):
                await consumer.commit({TopicPartition(*place): end for place, end in moved.items()})
        except (KafkaError, TimeoutError) as error:
            metrics.commit_failures.inc()
            log.warning("offsets.not_committed", error=str(error)[:200])
        else:
            self._committed |= moved

    async def leave(self) -> None:
        """Before the broker is stopped: what is settled, and what the batch in hand settles still,
        is committed."""
        self._is_leaving = True
        await self.release()

    async def _place(
        self, consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]
    ) -> None:
        try:
            starts = await until_up(lambda: self._starts(consumer, partitions), who="assignment")
            for partition in partitions:
                consumer.seek(partition, starts[partition])
            self.positions, self._committed = starts, dict(starts)
            consumer.resume(*partitions)
        except Exception as error:
            log.exception("assignment.failed")
            self._failed(f"partitions can't be placed: {type(error).__name__}: {error}")

    async def _starts(
        self, consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]
    ) -> inbox.Offsets:
        """Where to read on, per partition; the database follows where the log has it otherwise."""
        if self._engine is None:
            committed = {tuple(place): await consumer.committed(place) or 0 for place in partitions}
            return await _within_log(consumer, committed)
        async with self._engine.begin() as connection:
            known = await inbox.lock_offsets(connection, partitions)
            # asked under the lock: nobody can move an offset past the end that Kafka tells
            starts = await _within_log(consumer, known)
            await inbox.set_offsets(connection, starts)
        return starts

    async def poll(self, consumer: AIOKafkaConsumer) -> tuple[ConsumerRecord, ...]:
        """What has come: at once where something has, but not before a small poll is rested from.

        FastStream's own sleeps after an empty poll for as long again, while what comes waits.
        """
        await asyncio.sleep(self._rests_until - time.monotonic())
        found = await consumer.getmany(
            timeout_ms=LONGEST_POLL_MILLISECONDS, max_records=self._most_records
        )
        records = tuple(chain.from_iterable(found.values()))
        if len(records) < self._most_records:
            self._rests_until = time.monotonic() + self._rest_seconds
        return records

    async def settle(self, records: Any) -> None:
        for topic, count in Counter(record.topic for record in records).items():
            metrics.events_received.labels(topic).inc(count)
        if len(records) < self._most_records:
            self._caught_up.set()
        else:
            self._caught_up.clear()
        try:
            await self._follow_back(records)
            await self._stage.settle(records)
        except Exception:
            # FastStream would swallow it and read the batch again at once, 900 times a second
            log.exception("batch.failed", events=len(records), action="reading it again")
            await asyncio.sleep(PAUSE_AFTER_A_FAILURE_SECONDS)
            raise
        for place, end in inbox.ends(records).items():
            # a partition revoked meanwhile moves elsewhere: here it would seem to stand still
            if place in self.positions:
                self.positions[place] = max(end, self.positions[place])
        if self._is_leaving:
            await self.commit()

    async def _follow_back(self, records: Sequence[ConsumerRecord]) -> None:
        """Takes a log that was shortened while it was read as new.

        The client then reads from its beginning: nothing else brings records that were handled.
        """
        firsts = {(r.topic, r.partition): r.offset for r in reversed(records)}
        back = {
            place: first for place, first in firsts.items() if first < self.positions.get(place, 0)
        }
        if not back:
            return
        for place, first in back.items():
            _report_shortened(place, handled_to=self.positions[place], reading_from=first)
        if self._engine is not None:
            await until_up(lambda: self._move(back), who="assignment")
        self.positions.update(back)

    async def _move(self, offsets: inbox.Offsets) -> None:
        assert self._engine is not None
        async with self._engine.begin() as connection:
            await inbox.lock_offsets(connection, offsets)
            await inbox.set_offsets(connection, offsets)

    async def _parse(self, records: tuple[ConsumerRecord, ...]) -> KafkaAckableMessage:
        # FastStream's own parser decodes headers as UTF-8: a bad one would block the partition
        assert self._subscriber.consumer is not None
        return _Batch(
            raw_message=records,
            body=b"",
            headers={},
            batch_headers=[],
            message_id=f"{records[0].offset}-{records[-1].offset}",
            consumer=self._subscriber.consumer,
        )


class _Assignment(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        await self._consumer.release()

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        self._consumer.assigned(sorted(assigned))


async def _within_log(consumer: AIOKafkaConsumer, known: inbox.Offsets) -> inbox.Offsets:
    """`known` where the log holds it; else the log's beginning, with an error and a count."""
    partitions = [TopicPartition(*place) for place in known]
    beginnings = await consumer.beginning_offsets(partitions)
    ends = await consumer.end_offsets(partitions)
    starts = dict(known)
    for partition in partitions:
        place, beginning = (partition.topic, partition.partition), beginnings[partition]
        if known[place] > ends[partition]:
            _report_shortened(place, handled_to=known[place], reading_from=beginning)
            starts[place] = beginning
        elif known[place] < beginning:
            # records that nobody here hears move only Kafka's offset
            read_to = max(known[place], await consumer.committed(partition) or 0)
            if read_to < beginning:
                _report_expired(place, read_to=read_to, begins_at=beginning)
            starts[place] = beginning
    return starts


def _report_shortened(place: tuple[str, int], *, handled_to: int, reading_from: int) -> None:
    """Kafka lost records (a broker crashed before they were on disk) and gives their offsets to new
    ones. Which are new can't be told: all are read again, and the inbox knows what was handled.
    """
    topic, partition = place
    metrics.logs_shortened.labels(topic).inc()
    log.error(
        "log.shortened",
        topic=topic,
        partition=partition,
        handled_to=handled_to,
        reading_from=reading_from,
    )


def _report_expired(place: tuple[str, int], *, read_to: int, begins_at: int) -> None:
    topic, partition = place
    metrics.events_expired.labels(topic).inc(begins_at - read_to)
    log.error("log.expired", topic=topic, partition=partition, read_to=read_to, begins_at=begins_at)


async def _raw(message: KafkaAckableMessage) -> tuple[ConsumerRecord, ...]:
    records: tuple[ConsumerRecord, ...] = message.raw_message
    return records
