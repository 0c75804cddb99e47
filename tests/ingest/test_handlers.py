"""Raw topics to touchpoints: through the real service and Kafka, sent by clients not ours."""

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol, cast

import httpx
import pytest
import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from cloudevents.core.bindings.kafka import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

from careline_contracts.envelope import Record, from_headers
from careline_contracts.events.ingest import Touchpoint
from careline_contracts.topics import DEAD_LETTERS, RAW, TOUCHPOINTS
from careline_ingest import metrics
from careline_ingest.app import build
from careline_ingest.edge import Edge
from careline_ingest.handlers import RawTopics
from careline_ingest.observer import Unobserving
from careline_localstack import LocalStack
from careline_localstack.ports import choose_free_port
from careline_runtime.keyring import Keyring
from careline_runtime.publisher import Publisher
from careline_runtime.sealed_letter import open_dead_letter, seal_dead_letter
from careline_runtime.service import Service
from careline_runtime.settings import ServiceSettings
from careline_runtime.setup import create_topics
from careline_runtime.transforming import Transforms, TransformStage


class FakePublisher(Protocol):
    """Keeps what was published (`conftest.py`)."""

    records: list[Record]


Purchase = Callable[..., dict[str, Any]]


def a_raw_record(
    value: bytes | None, headers: list[tuple[str, bytes]] | None = None, *, offset: int = 0
) -> ConsumerRecord:
    return ConsumerRecord(
        topic=RAW["store"].name,
        partition=0,
        offset=offset,
        timestamp=0,
        timestamp_type=0,
        key=b"key",
        value=value,
        checksum=None,
        serialized_key_size=3,
        serialized_value_size=len(value or b""),
        headers=tuple(headers or ()),
    )


def raw_topics(edge: Edge, keyring: Keyring) -> RawTopics:
    return RawTopics(edge, Unobserving(), partial(seal_dead_letter, keyring=keyring))


class TestTheTransformation:
    async def test_makes_one_record_of_each_in_order(
        self, edge: Edge, keyring: Keyring, a_purchase: Purchase
    ) -> None:
        values = [json.dumps(a_purchase(id=str(n))).encode() for n in range(250)]
        values[7] = b"{"
        records = [a_raw_record(value, offset=n) for n, value in enumerate(values)]
        published = await raw_topics(edge, keyring).transform(records)

        assert len(published) == 250
        assert published[7].topic == DEAD_LETTERS["ingest"].name
        good = [r for r in published if r.topic == TOUCHPOINTS.name]
        assert [from_headers(r.headers).id for r in good] == [str(n) for n in range(250) if n != 7]

    async def test_makes_the_same_of_the_same_whatever_the_batch(
        self, edge: Edge, keyring: Keyring, a_purchase: Purchase
    ) -> None:
        records = [
            a_raw_record(json.dumps(a_purchase(id=str(n))).encode(), offset=n) for n in range(20)
        ]
        whole = await raw_topics(edge, keyring).transform(records)
        single = [(await raw_topics(edge, keyring).transform([record]))[0] for record in records]
        assert whole == single

    async def test_keeps_a_bad_record_whole_with_the_reason(
        self, edge: Edge, keyring: Keyring
    ) -> None:
        headers = [("ce_type", b"\xff"), ("mine", b"\xfe\x00"), ("dlq_reason", b"an earlier one")]
        [sealed] = await raw_topics(edge, keyring).transform(
            [a_raw_record(b"\x00\xff", headers, offset=41)]
        )

        assert (sealed.key, dict(sealed.headers)["dlq_sealed"]) == ("", b"1")
        letter = open_dead_letter(sealed, keyring)
        kept = dict(letter.headers)
        assert (letter.key, letter.value) == (b"key", b"\x00\xff")
        assert (kept["ce_type"], kept["mine"]) == (b"\xff", b"\xfe\x00")
        assert (kept["dlq_reason"], kept["dlq_offset"]) == (b"bad_encoding", b"41")
        assert kept["dlq_topic"] == RAW["store"].name.encode()

    async def test_says_in_the_log_how_many_and_why_and_nothing_of_whom(
        self, edge: Edge, keyring: Keyring, a_purchase: Purchase
    ) -> None:
        identities = [{"kind": "email", "value": "li.na(at)example.com"}]
        bad = a_purchase(id="x", data={"identities": identities})
        record = a_raw_record(json.dumps(bad).encode(), offset=1)
        with structlog.testing.capture_logs() as logs:
            await raw_topics(edge, keyring).transform([record])
        assert logs == [
            {"event": "touchpoints.put_aside", "log_level": "warning", "invalid_identity": 1}
        ]

    async def test_counts_a_record_once_however_often_its_batch_is_tried(
        self, edge: Edge, keyring: Keyring, a_purchase: Purchase
    ) -> None:
        records = [
            a_raw_record(json.dumps(a_purchase()).encode(), offset=1),
            a_raw_record(b"{", offset=2),
        ]
        topics = raw_topics(edge, keyring)
        before = metrics.summary()
        for tried in (records, records[:1], records[1:], records):
            await topics.transform(tried)
        after = metrics.summary()
        assert {name: after[name] - before[name] for name in after} == {
            "accepted": 1,
            "rejected": 1,
            "duplicate": 0,
        }


async def test_what_a_bug_of_ours_can_not_transform_is_sealed_too(
    keyring: Keyring, fake_publisher: FakePublisher
) -> None:
    async def breaks(_: Sequence[ConsumerRecord]) -> list[Record]:
        raise KeyError("a bug")

    transforms = Transforms((), breaks, partial(seal_dead_letter, keyring=keyring))
    stage = TransformStage(
        cast(Publisher, fake_publisher), transforms, service="ingest", attempts=1
    )
    await stage.settle([a_raw_record(b"my phone is 13912345678")])

    [sealed] = fake_publisher.records
    assert b"13912345678" not in (sealed.value or b"")
    letter = open_dead_letter(sealed, keyring)
    assert (letter.key, letter.value) == (b"key", b"my phone is 13912345678")
    assert dict(letter.headers)["dlq_reason"] == b"handler_failed"


@pytest.fixture
async def ingest(stack: LocalStack, key_file: Path) -> AsyncIterator[Service]:
    """The service as it runs, on the real stack."""
    await create_topics(stack.endpoints.kafka, replication=1)
    service = build(
        ServiceSettings(
            CARELINE_ANONYMOUS="accept",
            kafka_bootstrap_servers=stack.endpoints.kafka,
            valkey_url=stack.endpoints.valkey,
            http_port=choose_free_port(),
            CARELINE_KEYRING=key_file,
        )
    )
    serving = asyncio.create_task(service.serve())
    async with asyncio.timeout(30):
        while not service.is_ready:
            if serving.done():
                serving.result()
            await asyncio.sleep(0.02)
    yield service
    service.stop()
    await serving


@contextlib.asynccontextmanager
async def following(stack: LocalStack, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer that sees what is published from now on."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=stack.endpoints.kafka, auto_offset_reset="latest"
    )
    await consumer.start()
    for partition in consumer.assignment():
        await consumer.position(partition)
    try:
        yield consumer
    finally:
        await consumer.stop()


async def take(consumer: AIOKafkaConsumer, count: int, of: str, keyring: Keyring) -> list[Record]:
    """The next `count` records in which `of` occurs; dead letters are opened."""
    found: list[Record] = []
    async with asyncio.timeout(30):
        while len(found) < count:
            record = open_dead_letter(await consumer.getone(), keyring)
            if of.encode() in (record.value or b"") + b"".join(v for _, v in record.headers):
                found.append(record)
    return found


@pytest.mark.stack
async def test_a_till_over_kafka_and_a_chat_over_http_become_touchpoints(
    stack: LocalStack, ingest: Service, key_file: Path, a_purchase: Purchase
) -> None:
    keyring = Keyring.load(key_file)
    source = f"/test/{uuid.uuid4()}"
    now = datetime.now(UTC)
    producer = AIOKafkaProducer(bootstrap_servers=stack.endpoints.kafka)
    await producer.start()
    async with following(stack, TOUCHPOINTS.name) as touchpoints:
        for n, convert in enumerate((to_binary_event, to_structured_event)):
            event = a_purchase(
                id=str(n), source=source, time=now, datacontenttype="application/json"
            )
            sent = convert(CloudEvent(attributes=event, data=event.pop("data")))
            await producer.send_and_wait(
                RAW["store"].name, key=b"k", value=sent.value, headers=list(sent.headers.items())
            )
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{ingest.settings.http_port}"
        ) as http:
            event = a_purchase(
                id="2",
                source=source,
                time=...,
                type="careline.chat-message.received.v1",
                data={"session": "s1", "text": "Is the red one in stock?"},
            )
            for status in ("accepted", "duplicate"):
                answer = await http.post(
                    "/v1/touchpoints",
                    content=json.dumps(event),
                    headers={"content-type": "application/cloudevents+json"},
                )
                assert (answer.status_code, answer.json()["status"]) == (202, status)

        found = await take(touchpoints, 3, source, keyring)
    await producer.stop()
    read = {from_headers(r.headers).id: Touchpoint.parse(r.value or b"") for r in found}
    assert {id: touchpoint.channel for id, touchpoint in read.items()} == {
        "0": "store",
        "1": "store",
        "2": "chat",
    }
    assert len({r.key for r in found}) == 1, "one phone, one customer's partition"
    for record in found:
        assert b"13912345678" not in (record.value or b"")
        assert b"red one" not in (record.value or b"")


@pytest.mark.stack
async def test_bad_records_go_aside_with_their_reason_and_the_rest_flows(
    stack: LocalStack, ingest: Service, key_file: Path, a_purchase: Purchase
) -> None:
    keyring = Keyring.load(key_file)
    source = f"/test/{uuid.uuid4()}"
    now = datetime.now(UTC).isoformat()

    def good(id: str, **changes: Any) -> bytes:
        return json.dumps(a_purchase(id=id, source=source, time=now, **changes)).encode()

    mark = source.encode()
    bad = {
        "malformed_json": b"{" + mark,
        "bad_encoding": b"\xff" + mark,
        "missing_attribute": json.dumps({"specversion": "1.0", "note": source}).encode(),
        "unknown_type": good("x", type="careline.nothing.v1"),
        "missing_identity": good("x", data={"identities": []}),
        "invalid_field": good("x", data={"amount_minor": "much"}),
        "time_in_future": good("x").replace(now.encode(), b"2999-01-01T00:00:00Z"),
        "time_too_old": good("x").replace(now.encode(), b"0999-01-01T00:00:00Z"),
        "too_large": good("x", data={"note": "x" * 1_000_000}),
    }
    producer = AIOKafkaProducer(bootstrap_servers=stack.endpoints.kafka, max_request_size=2_000_000)
    await producer.start()
    async with (
        following(stack, TOUCHPOINTS.name) as touchpoints,
        following(stack, DEAD_LETTERS["ingest"].name) as dead_letters,
    ):
        for n, value in enumerate(bad.values()):
            for sent in (good(f"before-{n}"), value, good(f"after-{n}")):
                await producer.send(RAW["phone"].name, key=b"k", value=sent)
        await producer.flush()
        flowed = await take(touchpoints, 2 * len(bad), source, keyring)
        letters = await take(dead_letters, len(bad), source, keyring)
    await producer.stop()

    assert [from_headers(r.headers).id for r in flowed] == [
        f"{when}-{n}" for n in range(len(bad)) for when in ("before", "after")
    ]
    assert {dict(r.headers)["dlq_reason"].decode(): r.value for r in letters} == bad
