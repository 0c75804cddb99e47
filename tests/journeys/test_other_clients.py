"""Channel systems and subscribers bring clients of their own: librdkafka on both ends.

What a till publishes with it becomes touchpoints and activities, and these are CloudEvents as the
Kafka protocol binding has them, for a subscriber that knows the standard and nothing of Careline.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime
from typing import Any, cast

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from careline_cli.replay import Pipeline
from careline_contracts.topics import ACTIVITIES, RAW, TOUCHPOINTS, Topic

pytestmark = pytest.mark.stack

CARD = "OTHER-CLIENT-1"
COMPRESSIONS = ("none", "gzip", "snappy", "lz4", "zstd")
MODES = ("binary", "structured")
IDS = [f"other-client, {compression}, {mode}" for compression in COMPRESSIONS for mode in MODES]
ATTRIBUTE = re.compile(r"ce_[a-z0-9]{1,20}")
RFC_3339 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")

Headers = dict[str, str | bytes | None]


def a_sale(id: str) -> tuple[dict[str, str], dict[str, Any]]:
    """The attributes and the data of one purchase."""
    attributes = {
        "specversion": "1.0",
        "id": id,
        "source": "/till/other-clients",
        "type": "careline.purchase.completed.v1",
        "time": "2026-01-05T09:00:00+08:00",
        "subject": "till 3, 二楼",
    }
    identities = [{"kind": "member_card", "value": CARD}]
    return attributes, {"identities": identities, "amount_minor": 12_900, "currency": "CNY"}


def in_binary_mode(id: str) -> tuple[Headers, bytes]:
    attributes, data = a_sale(id)
    headers: Headers = {f"ce_{name}": value for name, value in attributes.items()}
    headers["content-type"] = "application/json; charset=UTF-8"
    return headers, json.dumps(data).encode()


def in_structured_mode(id: str) -> tuple[Headers, bytes]:
    attributes, data = a_sale(id)
    event = {**attributes, "datacontenttype": "application/json", "data": data}
    headers: Headers = {"content-type": "application/cloudevents+json; charset=UTF-8"}
    return headers, json.dumps(event).encode()


@pytest.mark.skipif(not shutil.which("kcat"), reason="kcat is not installed: apt-get install kcat")
async def test_what_kcat_publishes_becomes_a_touchpoint(pipeline: Pipeline) -> None:
    headers, value = in_binary_mode("other-client-kcat")
    said = [part for name, text in headers.items() for part in ("-H", f"{name}={text!s}")]
    kcat(pipeline, RAW["store"], "-P", "-k", CARD, "-X", "acks=all", *said, value=value)
    await pipeline.drain(timeout_seconds=60)
    assert kcat(pipeline, TOUCHPOINTS, "-C", "-e", "-f", "%h\n").count("other-client-kcat") == 1


def kcat(pipeline: Pipeline, topic: Topic, *arguments: str, value: bytes = b"") -> str:
    """What it prints."""
    command = ["kcat", "-q", "-b", pipeline.endpoints.kafka, "-t", topic.name, *arguments]
    return subprocess.run(command, input=value, check=True, stdout=subprocess.PIPE).stdout.decode()


async def test_what_a_foreign_client_publishes_is_read_by_a_foreign_client(
    pipeline: Pipeline,
) -> None:
    for compression in COMPRESSIONS:
        producer = Producer(
            {
                "bootstrap.servers": pipeline.endpoints.kafka,
                "enable.idempotence": True,
                "compression.type": compression,
            }
        )
        for headers, value in (
            in_binary_mode(f"other-client, {compression}, binary"),
            in_structured_mode(f"other-client, {compression}, structured"),
        ):
            producer.produce(RAW["store"].name, key=CARD, value=value, headers=headers)
        assert producer.flush(30) == 0, "the broker has both"
    await pipeline.drain(timeout_seconds=60)

    touchpoints = published(pipeline, TOUCHPOINTS, named_in="ce_id")
    activities = published(pipeline, ACTIVITIES, named_in="ce_causationid")
    assert list(touchpoints) == list(activities) == IDS, "each once, in order"
    for record in (*touchpoints.values(), *activities.values()):
        keeps_to_the_binding(record)
        is_read_by_the_standards_own_library(record)
    customer = await pipeline.get("profile", f"/v1/customers?identity=member_card:{CARD}")
    assert {record.key() for record in activities.values()} == {customer["customer"].encode()}


def published(pipeline: Pipeline, topic: Topic, *, named_in: str) -> dict[str, Message]:
    """What the topic has of our events, in order, by our id."""
    records = all_of(pipeline, topic)
    named = [(headers_of(record).get(named_in, b"").decode(), record) for record in records]
    ours = [(id, record) for id, record in named if id in IDS]
    assert len(dict(ours)) == len(ours), "nothing twice"
    return dict(ours)


def all_of(pipeline: Pipeline, topic: Topic) -> list[Message]:
    """All that a topic has, in order within a partition, as librdkafka reads it."""
    consumer = Consumer(
        {
            "bootstrap.servers": pipeline.endpoints.kafka,
            "group.id": "other-clients",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    try:
        consumer.assign([TopicPartition(topic.name, n, 0) for n in range(topic.partitions)])
        return list(_to_the_end(consumer, topic))
    finally:
        consumer.close()


def _to_the_end(consumer: Consumer, topic: Topic) -> Iterator[Message]:
    ended = 0
    while ended < topic.partitions:
        record = consumer.poll(30)
        assert record is not None, "the broker answers"
        if record.error() is None:
            yield record
        else:
            ended += 1


def headers_of(record: Message) -> dict[str, bytes]:
    return dict(cast(list[tuple[str, bytes]], record.headers()))


def keeps_to_the_binding(record: Message) -> None:
    """Kafka protocol binding 1.0, binary mode, and its partitioning extension."""
    headers = headers_of(record)
    assert len(headers) == len(record.headers() or []), "no header twice"
    assert headers["ce_specversion"] == b"1.0"
    assert headers["content-type"] == b"application/json"
    assert "ce_datacontenttype" not in headers, "it is the content type"
    assert "ce_data" not in headers
    for name, value in headers.items():
        assert ATTRIBUTE.fullmatch(name) or name in {"content-type", "traceparent"}
        assert value.decode("utf-8"), "no attribute is empty"
    for name in ("ce_time", "ce_recordedtime"):
        assert RFC_3339.fullmatch(headers[name].decode())
    assert headers["ce_partitionkey"] == record.key()
    assert "specversion" not in json.loads(record.value() or b""), "the value is the data alone"


def is_read_by_the_standards_own_library(record: Message) -> None:
    headers = headers_of(record)
    event = from_binary_event(KafkaMessage(headers, record.key(), record.value() or b""))

    assert event.get_id() == headers["ce_id"].decode()
    assert event.get_type() == "careline.purchase.completed.v1"
    assert event.get_time() == datetime.fromisoformat("2026-01-05T01:00:00+00:00")
    assert event.get_data() == json.loads(record.value() or b"")
