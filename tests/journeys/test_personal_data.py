"""What names a customer goes in everywhere and is found nowhere: in no table, topic, log or metric.

Every kind of identity goes in, with a text that quotes it, over HTTP and over Kafka: in events that
are accepted, sent twice, and refused. Then everything that the product keeps or says is searched.
"""

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import redis
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from careline_cli.replay import Pipeline
from careline_contracts.envelope import Record
from careline_contracts.events.touchpoints import IdentityKind
from careline_contracts.topics import CATALOGUE, DEAD_LETTERS, RAW, Topic
from careline_localstack import LocalStack
from careline_runtime.identities import normalise
from careline_runtime.keyring import Keyring
from careline_runtime.sealed_letter import open_dead_letter

pytestmark = pytest.mark.stack

Event = dict[str, Any]
Place = tuple[str, bytes]
"""Where something is kept or said, and what."""

WAYS = ("http", "kafka")
IDENTITIES: dict[IdentityKind, tuple[str, str]] = {
    "phone": ("139 7261 0441", "139-7261-0442"),
    "email": ("Canary.H@Example.org", "Canary.K@Example.org"),
    "app_user": ("canary-app-h", "canary-app-k"),
    "chat_open_id": ("canary-chat-h", "canary-chat-k"),
    "community_user": ("canary-post-h", "canary-post-k"),
    "member_card": ("canary-card-h", "canary-card-k"),
    "crm_number": ("canary-crm-h", "canary-crm-k"),
    "id_number": ("110105 19491231 002x", "G7726-10441"),
    "bank_account": ("6222 0212 3456 7894", "DE89 3704 0044 0532 0130 00"),
    "device": ("canary-device-h", "canary-device-k"),
}
"""Of each kind one value for each way in."""

SEALS_A_TEXT: tuple[tuple[str, Event], ...] = (
    ("careline.chat-message.received.v1", {"session": "s"}),
    ("careline.sms.replied.v1", {}),
    ("careline.complaint.raised.v1", {}),
    ("careline.fault.reported.v1", {"impact": "question"}),
)


def an_event(id: str, kind: str, value: str, **changes: Any) -> Event:
    type, data = SEALS_A_TEXT[len(id) % len(SEALS_A_TEXT)]
    text = f"canary-text-{id}: 张伟明, {kind} {value}"
    return {
        "specversion": "1.0",
        "id": f"personal-{id}",
        "source": "/personal-data",
        "type": type,
        "time": "2024-01-02T03:04:05Z",
        "data": {"identities": [{"kind": kind, "value": value}], **data, "text": text},
        **changes,
    }


def good(way: str) -> list[Event]:
    return [
        an_event(f"{way}-{kind}", kind, values[WAYS.index(way)])
        for kind, values in IDENTITIES.items()
    ]


def refused(way: str) -> list[Event]:
    """Each with a value in it that a careless answer, log line or dead letter would repeat."""
    of = {kind: values[WAYS.index(way)] for kind, values in IDENTITIES.items()}
    return [
        an_event(f"{way}-bad-phone", "phone", f"canary-phone-{way}"),
        an_event(f"{way}-bad-id", "id_number", "110105194912310021"),
        an_event(f"{way}-bad-account", "bank_account", f"canary account {way}"),
        an_event(f"{way}-bad-kind", f"canary-kind-{way}", of["phone"]),
        an_event(f"{way}-bad-time", "email", of["email"], time="2999-01-01T00:00:00Z"),
        an_event(f"{way}-bad-type", "phone", of["phone"], type="careline.no.v1"),
        an_event(f"{way}-bad-field", "phone", of["phone"], data={"text": f"canary-field-{way}"}),
    ]


def secrets(way: str) -> set[str]:
    """All that must not be found, as it was sent and as it is known inside."""
    values = {(kind, values[WAYS.index(way)]) for kind, values in IDENTITIES.items()}
    return {
        *(value for _, value in values),
        *(normalise(kind, value) for kind, value in values),
        *(
            normalise("phone", value).removeprefix("+86")
            for kind, value in values
            if kind == "phone"
        ),
        *(f"canary-text-{event['id'].removeprefix('personal-')}" for event in good(way)),
        *(f"canary-{what}-{way}" for what in ("phone", "kind", "field", "header", "broken")),
        "110105194912310021",
        f"canary account {way}",
        "张伟明",
    }


def found(places: Sequence[Place], secrets: set[str]) -> set[tuple[str, str]]:
    """Which secrets are where: as text, escaped as in JSON, or in the hex of PostgreSQL's bytea."""
    forms = {
        form
        for secret in secrets
        for form in (
            (secret, secret.encode()),
            (secret, json.dumps(secret)[1:-1].encode()),
            (secret, secret.encode().hex().encode()),
        )
    }
    return {(place, secret) for place, text in places for secret, form in forms if form in text}


async def send_over_http(pipeline: Pipeline) -> list[Place]:
    """Accepted, sent twice, refused; returns the answers, which are searched, too."""
    url = f"{pipeline.endpoints.services['ingest']}/v1/touchpoints"
    is_one, is_batch = "application/cloudevents+json", "application/cloudevents-batch+json"
    bodies = [(json.dumps(event).encode(), is_one) for event in refused("http")]
    bodies += [(json.dumps(good("http")).encode(), is_batch)] * 2
    bodies += [(b'{"text": "canary-broken-http', is_one)]
    answers = []
    async with httpx.AsyncClient() as http:
        for body, content_type in bodies:
            headers = {"content-type": content_type, "x-customer": "canary-header-http"}
            answer = await http.post(url, content=body, headers=headers)
            answers.append((answer.status_code, ("answer", answer.content)))
    statuses = [status for status, _ in answers]
    assert statuses == [422] * len(refused("http")) + [202, 202, 400]
    return [place for _, place in answers]


async def send_over_kafka(pipeline: Pipeline) -> int:
    """The same; returns how many are to become dead letters."""
    headers = [("content-type", b"application/json"), ("x-customer", b"canary-header-kafka")]
    records = [
        Record(
            RAW["chat"].name,
            event["data"].get("identities", [{"value": "139-7261-0442"}])[0]["value"],
            [
                *(
                    (f"ce_{name}", str(text).encode())
                    for name, text in event.items()
                    if name != "data"
                ),
                *headers,
            ],
            json.dumps(event["data"]).encode(),
        )
        for event in (*good("kafka"), *good("kafka"), *refused("kafka"))
    ]
    broken = records[0]._replace(value=b'{"text": "canary-broken-kafka')
    await pipeline.publish([*records, broken])
    return len(refused("kafka")) + 1


async def read(kafka: str, topics: Sequence[Topic]) -> AsyncIterator[ConsumerRecord]:
    """Everything that is on the topics."""
    places = [TopicPartition(topic.name, p) for topic in topics for p in range(topic.partitions)]
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign(places)
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(places)
        while behind := [place for place in places if await consumer.position(place) < ends[place]]:
            for records in (await consumer.getmany(*behind, timeout_ms=1_000)).values():
                for record in records:
                    yield record
    finally:
        await consumer.stop()


def content(record: ConsumerRecord | Record) -> bytes:
    parts = [record.key, record.value, *(part for header in record.headers for part in header)]
    return b"\n".join(part.encode() if isinstance(part, str) else part or b"" for part in parts)


async def rows(databases: Mapping[str, str]) -> AsyncIterator[Place]:
    """Every row of every table of every service."""
    for service, url in databases.items():
        connection = await asyncpg.connect(url)
        try:
            tables = await connection.fetch(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            )
            for (table,) in tables:
                query = f'SELECT t::text FROM "{table}" t'  # noqa: S608
                for (row,) in await connection.fetch(query):
                    yield f"{service}.{table}", row.encode()
        finally:
            await connection.close()


def remembered(url: str) -> Iterator[Place]:
    """Every key of Valkey and what it holds."""
    with redis.Redis.from_url(url) as valkey:
        for key in valkey.scan_iter():
            yield "valkey", key
            match valkey.type(key):
                case b"string":
                    yield "valkey", valkey.get(key) or b""
                case b"set":
                    yield "valkey", b"\n".join(valkey.smembers(key))
                case b"hash":
                    yield "valkey", repr(valkey.hgetall(key)).encode()
                case b"zset":
                    yield "valkey", repr(valkey.zrange(key, 0, -1, withscores=True)).encode()
                case other:
                    raise AssertionError(f"teach this test to read a {other!r}")


async def answers(services: Mapping[str, str]) -> AsyncIterator[Place]:
    async with httpx.AsyncClient() as http:
        for service, url in services.items():
            for path in ("/metrics", "/status", "/v1/summary"):
                answer = await http.get(url + path)
                yield f"{service}{path}", answer.raise_for_status().content


def logs(folder: Path) -> Iterator[Place]:
    """Every log of servers and services."""
    for log in folder.rglob("*"):
        if log.is_file():
            yield f"log {log.name}", log.read_bytes()


async def test_no_clear_value_that_goes_in_is_kept_or_said_anywhere(
    running_services: LocalStack, pipeline: Pipeline
) -> None:
    answered = await send_over_http(pipeline)
    expected_letters = await send_over_kafka(pipeline)
    statuses = await pipeline.drain()
    assert statuses["profile"]["outbox"] == 0

    endpoints, raw = running_services.endpoints, list(RAW.values())
    others = [topic for topic in CATALOGUE if topic not in raw]
    places = [
        *answered,
        *[(r.topic, content(r)) async for r in read(endpoints.kafka, others)],
        *[row async for row in rows(endpoints.databases)],
        *remembered(endpoints.valkey),
        *[answer async for answer in answers(endpoints.services)],
        *logs(running_services.home.logs),
    ]
    searched = {place.partition(".")[0] for place, _ in places}
    owners = {"profile", "scoring", "engagement", "ticketing"}
    assert searched >= {*owners, "careline", "valkey", "log ingest", "ingest/metrics"}
    assert found(places, secrets("http") | secrets("kafka")) == set()

    # the same search finds them where they are: before the edge, and in letters that are opened
    before = [("raw", content(r)) async for r in read(endpoints.kafka, raw)]
    sent = {secret for _, secret in found(before, secrets("kafka"))}
    assert secrets("kafka") - sent <= {normalise(k, v[1]) for k, v in IDENTITIES.items()} | {
        "13972610442"
    }
    keyring = Keyring.load(running_services.home.keyring_file)
    sealed = [r async for r in read(endpoints.kafka, [DEAD_LETTERS["ingest"]])]
    letters = [("letter", content(open_dead_letter(record, keyring))) for record in sealed]
    own = [letter for letter in letters if b"/personal-data" in letter[1]]
    assert len(own) == expected_letters
    kept = {secret for _, secret in found(own, secrets("kafka"))}
    assert {
        f"canary-{what}-kafka" for what in ("phone", "kind", "field", "broken", "header")
    } <= kept
