"""The dead letters of all services as their topics keep them, and which were replayed.

A letter is named by service and offset: `profile-12`. A replay leaves a mark on the same topic, so
that everybody sees what was done, for as long as the letters are kept.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from careline_contracts.dead_letters import CUT, REPLAYED
from careline_contracts.envelope import Record, to_text
from careline_contracts.topics import DEAD_LETTERS
from careline_runtime.kafka_access import client_options
from careline_runtime.keyring import Keyring
from careline_runtime.sealed_letter import open_dead_letter

FIRST_SEEN = "dlq_first_seen"


@dataclass(frozen=True)
class Letter:
    """One dead letter without its content."""

    service: str
    offset: int
    at: datetime
    marks: dict[str, str]
    """Headers as text, `ce_` and `dlq_` ones among them."""
    size_bytes: int
    replayed_at: tuple[datetime, ...] = field(default=())

    @property
    def name(self) -> str:
        return f"{self.service}-{self.offset}"

    @property
    def is_whole(self) -> bool:
        """Whether it gives the record back as it came."""
        return CUT not in self.marks

    def as_json(self) -> dict[str, Any]:
        marks = self.marks
        return {
            "id": self.name,
            "service": self.service,
            "reason": marks.get("dlq_reason", ""),
            "detail": marks.get("dlq_detail", ""),
            "state": "replayed" if self.replayed_at else "waiting",
            "at": to_text(self.at),
            "first_seen": marks.get(FIRST_SEEN, ""),
            "attempts": int(marks.get("dlq_attempts", "0")),
            "topic": marks.get("dlq_topic", ""),
            "partition": int(marks.get("dlq_partition", "0")),
            "offset": int(marks.get("dlq_offset", "0")),
            "event": {
                name: marks.get(f"ce_{name}", "") for name in ("id", "source", "type", "time")
            },
            "bytes": self.size_bytes,
            "is_whole": self.is_whole,
            "replayed_at": [to_text(at) for at in self.replayed_at],
        }


async def read_letters(kafka: str, services: Iterable[str]) -> list[Letter]:
    """Every dead letter that is still kept, oldest first, with what became of it."""
    letters: dict[tuple[str, int], Letter] = {}
    replays: dict[tuple[str, int], list[datetime]] = {}
    for service in services:
        async with _consumer(kafka) as consumer:
            async for record in _all(consumer, service):
                letter = _letter(service, record)
                replayed = letter.marks.get(REPLAYED)
                if replayed is None:
                    letters[service, record.offset] = letter
                else:
                    replays.setdefault((service, int(replayed)), []).append(letter.at)
    for name, instants in replays.items():
        if name in letters:
            found = letters[name]
            letters[name] = Letter(
                found.service,
                found.offset,
                found.at,
                found.marks,
                found.size_bytes,
                tuple(instants),
            )
    return sorted(letters.values(), key=lambda letter: (letter.at, letter.name))


async def read_record(kafka: str, service: str, offset: int) -> ConsumerRecord | None:
    """The record of one letter, None when it is not kept any more."""
    partition = TopicPartition(DEAD_LETTERS[service].name, 0)
    async with _consumer(kafka) as consumer:
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        beginning = (await consumer.beginning_offsets([partition]))[partition]
        if not beginning <= offset < end:
            return None
        consumer.seek(partition, offset)
        async with asyncio.timeout(30):
            record: ConsumerRecord = await consumer.getone()
        return record if record.offset == offset else None


async def end_of(kafka: str, service: str) -> int:
    """The offset that the next letter of a service will have."""
    partition = TopicPartition(DEAD_LETTERS[service].name, 0)
    async with _consumer(kafka) as consumer:
        return int((await consumer.end_offsets([partition]))[partition])


def original(letter: ConsumerRecord, keyring: Keyring) -> Record:
    """The record as it came to the service that put it aside, for its own topic again.

    When it was first seen goes along, so that a second failure doesn't look like a new one. Raises
    `CannotOpen` for what another key file sealed.
    """
    opened = open_dead_letter(letter, keyring)
    marks = {name: value for name, value in opened.headers if name.startswith("dlq_")}
    headers = [(name, value) for name, value in opened.headers if not name.startswith("dlq_")]
    if FIRST_SEEN in marks:
        headers.append((FIRST_SEEN, marks[FIRST_SEEN]))
    return Record(marks["dlq_topic"].decode(), opened.key, headers, opened.value)


def replay_mark(service: str, offset: int) -> Record:
    """Says on the letters' own topic that one of them was replayed."""
    return Record(DEAD_LETTERS[service].name, "", [(REPLAYED, str(offset).encode())], b"{}")


@asynccontextmanager
async def _consumer(kafka: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(**client_options(kafka), max_partition_fetch_bytes=4 * 1024 * 1024)
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def _all(consumer: AIOKafkaConsumer, service: str) -> AsyncIterator[ConsumerRecord]:
    partition = TopicPartition(DEAD_LETTERS[service].name, 0)
    consumer.assign([partition])
    await consumer.seek_to_beginning()
    end = (await consumer.end_offsets([partition]))[partition]
    while await consumer.position(partition) < end:
        for record in (await consumer.getmany(timeout_ms=200)).get(partition, ()):
            if record.offset < end:
                yield record


def _letter(service: str, record: ConsumerRecord) -> Letter:
    return Letter(
        service,
        record.offset,
        datetime.fromtimestamp(record.timestamp / 1000, UTC),
        {name: (value or b"").decode(errors="replace") for name, value in record.headers},
        len(record.value or b""),
    )
