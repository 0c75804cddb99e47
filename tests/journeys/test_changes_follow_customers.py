"""What profile promises its subscribers: who loads customers and follows their changes misses none.

A foreign consumer comes while customers are made, told about and merged. It loads what the
compacted topic has at that moment, goes on with the changes, and has everybody on this stack as
they are, whatever other journeys did.
"""

import asyncio
import json
import time
import uuid
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from careline_cli.replay import Pipeline
from careline_contracts.topics import CUSTOMER_CHANGES, CUSTOMERS, RAW, Topic
from tests.journeys.test_other_clients import all_of, headers_of

pytestmark = pytest.mark.stack

Data = dict[str, Any]
PEOPLE = 40
AN_HOUR = 3_600
"""A change is published with the state that it leads to; an hour is more than lies between them."""


class Known(NamedTuple):
    """What a subscriber knows of a number."""

    version: int
    merged_into: str | None = None


class Subscriber:
    """Keeps every customer as docs/topics.md says, and by librdkafka."""

    def __init__(self, bootstrap_servers: str) -> None:
        self.customers: dict[str, Known] = {}
        self.followed = 0
        self._client = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": f"subscriber-{uuid.uuid4().hex}",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
            }
        )

    def load(self) -> None:
        """The present; where the changes begin is kept in mind before it is read."""
        began = int(1000 * (time.time() - AN_HOUR))
        wanted = [TopicPartition(CUSTOMER_CHANGES.name, n, began) for n in _partitions()]
        self._changes_from = self._client.offsets_for_times(wanted, timeout=30)
        self._client.assign([TopicPartition(CUSTOMERS.name, n, 0) for n in _partitions()])
        for record in self._to_the_end(CUSTOMERS):
            number, state = _read(record)
            if state is None:
                self.customers.pop(number, None)
            else:
                self.customers[number] = _known(state)

    def follow(self) -> None:
        """All changes that there are since."""
        self._client.assign(self._changes_from)
        for record in self._to_the_end(CUSTOMER_CHANGES):
            number, change = _read(record)
            assert change is not None
            self._take(number, change, _type_of(record))
        self._client.close()

    def _take(self, number: str, change: Data, type: str) -> None:
        known = self.customers.get(number, Known(0))
        if change["version"] <= known.version:
            return  # it was in what was loaded
        assert change["version"] == known.version + 1, f"{number}: {type} after {known}"
        self.followed += 1
        if type == "careline.customer.erased.v1":
            self.customers.pop(number, None)
        else:
            self.customers[number] = Known(change["version"], change.get("into"))

    def _to_the_end(self, topic: Topic) -> Iterator[Message]:
        ended = 0
        while ended < topic.partitions:
            record = self._client.poll(30)
            assert record is not None, "the broker answers"
            if record.error() is None:
                yield record
            else:
                ended += 1


def _partitions() -> Iterable[int]:
    assert CUSTOMERS.partitions == CUSTOMER_CHANGES.partitions
    return range(CUSTOMERS.partitions)


def _read(record: Message) -> tuple[str, Data | None]:
    value = record.value()
    return (record.key() or b"").decode(), None if value is None else json.loads(value)


def _known(state: Data) -> Known:
    return Known(state["version"], state.get("merged_into"))


def _type_of(record: Message) -> str:
    return headers_of(record)["ce_type"].decode()


async def test_who_loads_customers_and_follows_their_changes_misses_none(
    pipeline: Pipeline,
) -> None:
    subscriber, run = Subscriber(pipeline.endpoints.kafka), uuid.uuid4().hex
    cards = [{"kind": "member_card", "value": f"{run}-{n}"} for n in range(PEOPLE)]
    users = [{"kind": "app_user", "value": f"{run}-{n}"} for n in range(PEOPLE)]

    tell(pipeline, [[one] for one in (*cards, *users)], region="CN-31", minute=1)
    await pipeline.drain(timeout_seconds=60)
    tell(pipeline, zip(cards, users, strict=True), region="CN-44", minute=2)
    # now profile merges them
    await asyncio.to_thread(subscriber.load)
    tell(pipeline, zip(cards, users, strict=True), region="CN-11", minute=3)
    await pipeline.drain(timeout_seconds=60)
    await asyncio.to_thread(subscriber.follow)

    assert subscriber.followed >= PEOPLE, "each has moved since"
    assert subscriber.customers == present(pipeline)
    leading_on = [known for known in subscriber.customers.values() if known.merged_into]
    assert len(leading_on) >= PEOPLE, "each was two"


def tell(pipeline: Pipeline, people: Iterable[Iterable[Data]], *, region: str, minute: int) -> None:
    """The broker has it that these identities are of one person each, who lives there."""
    producer = Producer({"bootstrap.servers": pipeline.endpoints.kafka, "acks": "all"})
    for identities in map(list, people):
        name = f"{identities[0]['kind']}-{identities[0]['value']}"
        headers: dict[str, str | bytes | None] = {
            "ce_specversion": "1.0",
            "ce_id": f"{name}-{minute}",
            "ce_source": "/till/subscribers",
            "ce_type": "careline.details.given.v1",
            "ce_time": f"2024-01-05T09:{minute:02}:00Z",
            "content-type": "application/json",
        }
        said = json.dumps({"identities": identities, "region": region})
        producer.produce(RAW["store"].name, key=name, value=said, headers=headers)
    assert producer.flush(30) == 0


def present(pipeline: Pipeline) -> dict[str, Known]:
    """What compaction leaves in the end."""
    last = dict(map(_read, all_of(pipeline, CUSTOMERS)))
    return {number: _known(state) for number, state in last.items() if state is not None}
