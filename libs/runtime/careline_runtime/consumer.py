"""The batch subscriber: FastStream polls, a stage settles, offsets are committed explicitly.

The database holds the truth; Kafka's offsets are a hint that saves reading again.
"""

from collections.abc import Sequence
from typing import Any

import structlog
from aiokafka import ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaAckableMessage
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from careline_contracts.topics import Topic
from careline_runtime import inbox, metrics
from careline_runtime.settings import ServiceSettings
from careline_runtime.stages import Stage

log = structlog.get_logger(__name__)

SESSION_TIMEOUT_MS = 10_000
FETCH_BYTES_A_PARTITION = 1024 * 1024


class _Batch(KafkaAckableMessage):
    """The records of one poll; acknowledged by explicit offsets, never by the fetch position."""

    async def ack(self) -> None:
        if self.committed is None:
            offsets = {
                TopicPartition(topic, partition): end
                for (topic, partition), end in inbox.ends(self.raw_message).items()
            }
            try:
                await self.consumer.commit(offsets)  # type: ignore[call-arg]
            except KafkaError as error:
                metrics.commit_failures.inc()
                log.warning("offsets.not_committed", error=str(error)[:200])
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
    ) -> None:
        self.positions: inbox.Offsets = {}
        """Per assigned partition, the first offset not handled yet."""
        self._stage = stage
        self._engine = engine
        self._subscriber = broker.subscriber(
            *(topic.name for topic in topics),
            batch=True,
            group_id=group,
            group_instance_id=settings.instance,
            max_records=settings.batch_max_records,
            batch_timeout_ms=settings.poll_milliseconds,
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
        self._subscriber(self._settle)
        if self._subscriber.ack_policy is AckPolicy.ACK_FIRST:
            raise AssertionError("ACK_FIRST loses events")

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

    async def assigned(self, partitions: Sequence[TopicPartition]) -> None:
        """Starts each partition where the database says; without one, where Kafka does.

        A database restored from a backup so gets again what it has lost.
        """
        metrics.rebalances.inc()
        self.positions = {}
        consumer = self._subscriber.consumer
        if consumer is None or not partitions:
            return
        known = await self._offsets_in_database(partitions)
        beginnings = await consumer.beginning_offsets(partitions)
        for partition in partitions:
            start = known.get(partition)
            if start is None:
                start = await consumer.committed(partition) or 0
            start = max(start, beginnings[partition])
            consumer.seek(partition, start)
            self.positions[partition.topic, partition.partition] = start

    async def _offsets_in_database(
        self, partitions: Sequence[TopicPartition]
    ) -> dict[TopicPartition, int]:
        if self._engine is None:
            return {}
        try:
            async with self._engine.begin() as connection:
                found = await inbox.lock_offsets(connection, partitions)
        except (DBAPIError, OSError) as error:
            # only the first net will have more to catch
            log.warning("offsets.database_away", error=str(error)[:200])
            return {}
        return {TopicPartition(*place): offset for place, offset in found.items()}

    async def _settle(self, records: Any) -> None:
        for topic, count in _per_topic(records).items():
            metrics.events_received.labels(topic).inc(count)
        await self._stage.settle(records)
        self.positions.update(inbox.ends(records))

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
        """A batch in hand may still commit its unit: the new owner finds its offsets moved."""

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        await self._consumer.assigned(sorted(assigned))


async def _raw(message: KafkaAckableMessage) -> tuple[ConsumerRecord, ...]:
    records: tuple[ConsumerRecord, ...] = message.raw_message
    return records


def _per_topic(records: Sequence[ConsumerRecord]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for record in records:
        counts[record.topic] = counts.get(record.topic, 0) + 1
    return counts
