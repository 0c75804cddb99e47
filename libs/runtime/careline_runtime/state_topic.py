"""Loads what a topic of one partition says and follows it: the present first, then each change."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from careline_contracts.topics import Topic
from careline_runtime.kafka_access import client_options

log = structlog.get_logger(__name__)

LONGEST_FETCH_MILLISECONDS = 5_000
"""How long the broker may keep a question that it has no news for: it answers at once when it has
some, and each question is idle cost, of every such topic in every service."""

Hear = Callable[[str, bytes | None], None]
"""Takes the key and value of each record; a value of None means that the key is gone."""


class StateTopic:
    """Hands every record of `topic` to `hear`, from the first; again from the first after a break.

    A key that was there before a break and is not afterwards is gone: its tombstone may have come
    and been compacted away meanwhile. With `only_last`, the last record is the whole present.
    `hear` must take a record twice without harm, and must not raise.
    """

    def __init__(
        self, bootstrap_servers: str, topic: Topic, hear: Hear, *, only_last: bool = False
    ) -> None:
        self._only_last = only_last
        self._bootstrap_servers = bootstrap_servers
        self._topic = topic
        self._hear = hear
        self._present: set[str] = set()
        self._unconfirmed: set[str] = set()
        """Of those present, the ones that this reading has not come to yet."""
        self._following: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns when everything that is there has been heard."""
        caught_up = asyncio.Event()
        self._following = asyncio.create_task(self._follow(caught_up))
        await caught_up.wait()

    async def stop(self) -> None:
        if self._following is not None:
            self._following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._following

    async def _follow(self, caught_up: asyncio.Event) -> None:
        while True:
            consumer = AIOKafkaConsumer(
                **client_options(self._bootstrap_servers),
                auto_offset_reset="earliest",
                fetch_max_wait_ms=LONGEST_FETCH_MILLISECONDS,
            )
            try:
                await consumer.start()
                await self._read(consumer, caught_up)
            except (KafkaError, OSError) as error:
                log.warning("topic.lost", topic=self._topic.name, error=str(error)[:200])
                await asyncio.sleep(1)
            finally:
                await consumer.stop()

    async def _read(self, consumer: AIOKafkaConsumer, caught_up: asyncio.Event) -> None:
        """Reads from the first record, for ever."""
        partition = TopicPartition(self._topic.name, 0)
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        if self._only_last:
            consumer.seek(partition, max(0, end - 1))
        else:
            await consumer.seek_to_beginning()
            self._unconfirmed = set(self._present)
        while True:
            # compaction leaves gaps, so the position says more than a record's offset
            has_caught_up = await consumer.position(partition) >= end
            if has_caught_up:
                self._forget_unconfirmed()
                caught_up.set()
            found = await consumer.getmany(timeout_ms=60_000 if has_caught_up else 200)
            self._take(found.get(partition, ()))

    def _take(self, records: Iterable[ConsumerRecord]) -> None:
        for record in records:
            key = (record.key or b"").decode(errors="replace")
            self._unconfirmed.discard(key)
            if record.value is None:
                self._present.discard(key)
            else:
                self._present.add(key)
            self._hear(key, record.value)

    def _forget_unconfirmed(self) -> None:
        for key in sorted(self._unconfirmed):
            log.warning("topic.key_gone", topic=self._topic.name)
            self._present.discard(key)
            self._hear(key, None)
        self._unconfirmed.clear()
