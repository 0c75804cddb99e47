"""Loads what a topic of one partition says and follows it: the present first, then each change."""

import asyncio
import contextlib
from collections.abc import Callable

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from careline_contracts.topics import Topic

log = structlog.get_logger(__name__)

Hear = Callable[[str, bytes | None], None]
"""Takes the key and value of each record; a value of None means that the key is gone."""


class StateTopic:
    """Hands every record of `topic` to `hear`, from the first; again from the first after a break.

    With `only_last`, the last record is the whole present. `hear` must take a record twice without
    harm, and must not raise.
    """

    def __init__(
        self, bootstrap_servers: str, topic: Topic, hear: Hear, *, only_last: bool = False
    ) -> None:
        self._only_last = only_last
        self._bootstrap_servers = bootstrap_servers
        self._topic = topic
        self._hear = hear
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
        partition = TopicPartition(self._topic.name, 0)
        while True:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self._bootstrap_servers, auto_offset_reset="earliest"
            )
            try:
                await consumer.start()
                consumer.assign([partition])
                end = (await consumer.end_offsets([partition]))[partition]
                if self._only_last:
                    consumer.seek(partition, max(0, end - 1))
                else:
                    await consumer.seek_to_beginning()
                while True:
                    # compaction leaves gaps, so the position says more than a record's offset
                    if await consumer.position(partition) >= end:
                        caught_up.set()
                    found = await consumer.getmany(timeout_ms=60_000 if caught_up.is_set() else 200)
                    for record in found.get(partition, ()):
                        self._hear((record.key or b"").decode(errors="replace"), record.value)
            except (KafkaError, OSError) as error:
                log.warning("topic.lost", topic=self._topic.name, error=str(error)[:200])
                await asyncio.sleep(1)
            finally:
                await consumer.stop()
