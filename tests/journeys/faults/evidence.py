"""What a run leaves behind, read once it is drained: every record of every topic, every table."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

import asyncpg
from aiokafka import ConsumerRecord

from careline_client import Verdict
from careline_contracts.topics import (
    CATALOGUE,
    DEAD_LETTERS,
    OUTREACH_RESULTS,
    SERVICES,
    TOUCHPOINTS,
    Topic,
)
from careline_localstack import LocalStack
from tests.journeys.faults import privacy
from tests.journeys.faults.load import Loaded
from tests.journeys.faults.nemesis import Strike
from tests.journeys.faults.said import Said, Topics
from tests.reading import records_on

Rows = list[dict[str, Any]]

WITH_DATABASE = tuple(service for service in SERVICES if service != "ingest")
_TABLE_NAMES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"


class DeadLetter(NamedTuple):
    """Which record was put aside, whose event it held, and why."""

    topic: str
    partition: int
    offset: int
    id: str
    reason: str


@dataclass
class Evidence:
    """One run: what was said is on disk, the rest in memory."""

    clock: datetime
    strikes: list[Strike]
    deaths: list[str]
    longest_unpublished: dict[str, float]
    """For how many seconds something waited in an outbox at most, per service, no fault lasting."""
    said: Topics
    answers: list[tuple[Loaded, Verdict]]
    """What ingest has said of each event that came over HTTP."""
    raw: dict[tuple[str, int, int], str] = field(default_factory=dict)
    """The event id of each record that was sent, by topic, partition and offset."""
    repeated_otherwise: list[str] = field(default_factory=list)
    """What a service decided and then said again with another content."""
    dead_letters: dict[str, set[DeadLetter]] = field(default_factory=dict)
    tables: dict[str, dict[str, Rows]] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    """What ingest remembers in Valkey to have taken, as inboxes name events."""
    stale_cards: list[str] = field(default_factory=list)
    """Cards that Valkey keeps and the database gives otherwise."""
    heard_again: dict[str, dict[str, Rows]] = field(default_factory=dict)
    """The tables of services that were emptied afterwards and have heard everything again."""
    allowed_in_clear: int = 0
    """Records with personal data on the topics that may have them."""
    leaks: list[str] = field(default_factory=list)
    """Personal data in clear, wherever else they were found."""

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
        if found := privacy.personal_in(record):
            if privacy.may_be_clear(topic):
                self.allowed_in_clear += 1
            else:
                self.leaks.append(f"{topic.name}: {found}")
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
            said = Said.of(record)
            first = self.said[topic.name].keep(id, said)
            # a sender's duplicate is recorded when it came, and dropped by who hears it
            if first != said and topic not in (TOUCHPOINTS, OUTREACH_RESULTS):
                self.repeated_otherwise.append(f"{topic.name} {id}:\n{first}\n{said}")


async def gather(evidence: Evidence, stack: LocalStack) -> None:
    """Reads what topics, databases and Valkey hold into `evidence`."""
    topics = {topic.name: topic for topic in CATALOGUE if topic.owner in ("channels", *SERVICES)}
    async for record in records_on(stack.endpoints.kafka, topics.values()):
        evidence.add_record(topics[record.topic], record)
    for service in WITH_DATABASE:
        evidence.tables[service] = await read_tables(stack.endpoints.databases[service])
        for name, rows in evidence.tables[service].items():
            if found := privacy.personal("\n".join(map(repr, rows)).encode()):
                evidence.leaks.append(f"{service}, table {name}: {found}")
    evidence.leaks += [leak async for leak in privacy.in_valkey(stack.endpoints.valkey)]


def gather_files(evidence: Evidence, stack: LocalStack) -> None:
    """Reads what a stack leaves behind, once it has stopped: until then files come and go."""
    # PostgreSQL's files hold its log (WAL) too, and so what stood in a table for a moment
    for directory in (stack.home.logs, stack.postgres.directory):
        evidence.leaks += privacy.in_files(directory)


async def read_tables(database_url: str) -> dict[str, Rows]:
    """Every row of every table of a service."""
    connection = await asyncpg.connect(database_url)
    try:
        names = await connection.fetch(_TABLE_NAMES)
        return {
            name: [dict(row) for row in await connection.fetch(f"SELECT * FROM {name}")]  # noqa: S608 (the catalogue's names)
            for (name,) in names
        }
    finally:
        await connection.close()
