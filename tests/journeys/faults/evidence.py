"""What a run leaves behind, read once it is drained: every record of every topic, every table."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

import asyncpg
import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from careline_cli.replay import Status
from careline_contracts.topics import CATALOGUE, DEAD_LETTERS, SERVICES, TOUCHPOINTS, Topic
from careline_localstack import Endpoints
from tests.journeys.faults.nemesis import Strike

Rows = list[dict[str, Any]]

TABLES: Mapping[str, tuple[str, ...]] = {
    "profile": ("identities", "customers", "links", "reviews", "contacts"),
    "scoring": ("members", "buckets", "customers"),
    "engagement": ("aliases", "customers", "facts", "warnings", "cases"),
    "ticketing": ("customers", "members", "facts", "tickets"),
}
"""The business tables of each service."""
RUNTIME_TABLES = ("inbox", "outbox", "timers")


class Said(NamedTuple):
    """A record of a service, as a subscriber sees it."""

    key: str
    headers: tuple[tuple[str, bytes], ...]
    """Without the trace, which tells one try from another and is meant to."""
    value: bytes

    @property
    def payload(self) -> dict[str, Any]:
        loaded: dict[str, Any] = orjson.loads(self.value)
        return loaded


class DeadLetter(NamedTuple):
    """Which record was put aside, whose event it held, and why."""

    topic: str
    partition: int
    offset: int
    id: str
    reason: str


@dataclass
class Evidence:
    """One run, in memory. A million events need some gigabytes."""

    name: str
    clock: datetime
    statuses: Mapping[str, Status]
    strikes: list[Strike]
    deaths: list[str]
    raw: dict[tuple[str, int, int], str] = field(default_factory=dict)
    """The event id of each record that was sent, by topic, partition and offset."""
    said: dict[str, dict[str, Said]] = field(default_factory=dict)
    """By topic and id, in the order in which they were first said (per partition)."""
    repeated_otherwise: list[str] = field(default_factory=list)
    """What a service decided and then said again with another content."""
    last: dict[str, dict[str, Said]] = field(default_factory=dict)
    """The last record of each key: what a subscriber of a state topic is left with."""
    dead_letters: dict[str, set[DeadLetter]] = field(default_factory=dict)
    tables: dict[str, dict[str, Rows]] = field(default_factory=dict)

    @cached_property
    def components(self) -> dict[str, str]:
        """Each customer number → the least of its customer's identities.

        The name that a customer has in every run: numbers depend on which identity came first.
        """
        profile = self.tables["profile"]
        root_of = {
            row["number"]: row["merged_into"] or row["number"] for row in profile["customers"]
        }
        least: dict[str, str] = {}
        for row in profile["identities"]:
            root = root_of[row["customer"]]
            least[root] = min(row["ref"], least.get(root, row["ref"]))
        return {number: least[root] for number, root in root_of.items()}

    def add_record(self, topic: Topic, record: ConsumerRecord) -> None:
        """Takes note of one record; called in order of offset."""
        headers = dict(record.headers)
        id = headers.get("ce_id", b"").decode()
        if topic.owner == "channels":
            self.raw[record.topic, record.partition, record.offset] = id
        elif topic is DEAD_LETTERS[topic.owner]:
            place = (headers["dlq_topic"], headers["dlq_partition"], headers["dlq_offset"])
            letter = DeadLetter(
                place[0].decode(),
                int(place[1]),
                int(place[2]),
                id,
                headers["dlq_reason"].decode(),
            )
            self.dead_letters.setdefault(topic.owner, set()).add(letter)
        else:
            kept = tuple(header for header in record.headers if header[0] != "traceparent")
            said = Said((record.key or b"").decode(), kept, record.value or b"")
            first = self.said.setdefault(topic.name, {}).setdefault(id, said)
            # a sender's duplicate is another touchpoint: recorded when it came, dropped by profile
            if first != said and topic is not TOUCHPOINTS:
                self.repeated_otherwise.append(f"{topic.name} {id}:\n{first}\n{said}")
            self.last.setdefault(topic.name, {})[said.key] = said


async def gather(evidence: Evidence, endpoints: Endpoints) -> Evidence:
    """Reads everything into `evidence`."""
    topics = [topic for topic in CATALOGUE if topic.owner in ("channels", *SERVICES)]
    for topic in topics:
        async for record in _records(endpoints.kafka, topic):
            evidence.add_record(topic, record)
    for service, names in TABLES.items():
        connection = await asyncpg.connect(endpoints.databases[service])
        try:
            evidence.tables[service] = {
                name: [dict(row) for row in await connection.fetch(f"SELECT * FROM {name}")]  # noqa: S608 (a constant)
                for name in (*names, *RUNTIME_TABLES)
            }
        finally:
            await connection.close()
    return evidence


async def _records(bootstrap_servers: str, topic: Topic) -> AsyncIterator[ConsumerRecord]:
    """Every record of a topic, in order of offset within a partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(p) < ends[p] for p in partitions]):
            for batch in (await consumer.getmany(timeout_ms=1_000)).values():
                for record in batch:
                    yield record
    finally:
        await consumer.stop()
