"""Spans say what was worked on and join the traces of its events; off, they cost nothing."""

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from typing import cast

import httpx
import pytest
from aiokafka import ConsumerRecord
from fastapi import APIRouter, HTTPException
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from careline_contracts.envelope import Envelope, Record, begin_trace, to_headers
from careline_contracts.events.profile import Activity
from careline_contracts.topics import ACTIVITIES, TIER_CHANGES, TOUCHPOINTS
from careline_runtime import tracing
from careline_runtime.batch import Heard, Hears
from careline_runtime.errors import Misconfigured
from careline_runtime.http import create_app
from careline_runtime.service import Service
from careline_runtime.transforming import Transforms, TransformStage
from careline_runtime.unit_of_work import Unit
from tests.runtime.by_hand import StageInTest, fresh_database

NOON = datetime(2026, 3, 1, 4, tzinfo=UTC)
SENT = f"00-{'a' * 32}-{'b' * 16}-01"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """Tracing is on, and its spans come here."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(span_limits=SpanLimits(max_links=tracing.LINKS_A_SPAN))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "tracer", provider.get_tracer("test"))
    yield exporter
    provider.shutdown()


def linked(span: ReadableSpan) -> list[str]:
    return [f"{link.context.trace_id:032x}" for link in span.links]


async def keep(unit: Unit, heard: Sequence[Heard]) -> None:
    for event in heard:
        if event.envelope.id == "bad":
            raise RuntimeError("customer 13912345678 is unhappy")


@pytest.fixture
async def stage(admin_url: str) -> AsyncIterator[StageInTest]:
    async with fresh_database(admin_url) as engine:
        hears = [Hears(ACTIVITIES, otherwise=Activity), Hears(TIER_CHANGES, otherwise=Activity)]
        yield StageInTest(engine, service="scoring", hears=hears, handle=keep)


def heard(stage: StageInTest, id: str, *, topic: str = ACTIVITIES.name) -> ConsumerRecord:
    envelope = Envelope(
        id, "/test", "careline.store.visited.v1", NOON, NOON, traceparent=begin_trace("/test", id)
    )
    payload = Activity(customer="C1", identity="member_card:1", channel="store", body={})
    return stage.record(topic, envelope, payload)


def trace_of(id: str) -> str:
    return Envelope(id, "/test", "", NOON, NOON).event_key


@pytest.mark.stack
class TestABatch:
    async def test_has_a_span_of_its_own_linked_to_each_of_its_events(
        self, stage: StageInTest, spans: InMemorySpanExporter
    ) -> None:
        ids = [str(number) for number in range(300)]
        await stage.hear([heard(stage, id) for id in ids])

        [span] = spans.get_finished_spans()
        assert (span.name, span.kind) == ("process careline.activities.v1", SpanKind.CONSUMER)
        assert span.parent is None
        assert linked(span) == [trace_of(id) for id in ids]
        assert dict(span.attributes or {}) == {
            "messaging.system": "kafka",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.consumer.group.name": "careline.scoring",
            "messaging.destination.name": "careline.activities.v1",
            "messaging.destination.partition.id": "0",
            "messaging.batch.message_count": 300,
        }

    async def test_of_several_topics_names_none(
        self, stage: StageInTest, spans: InMemorySpanExporter
    ) -> None:
        await stage.hear([heard(stage, "a"), heard(stage, "b", topic=TIER_CHANGES.name)])

        [span] = spans.get_finished_spans()
        assert span.name == "process"
        assert "messaging.destination.name" not in (span.attributes or {})
        assert linked(span) == [trace_of("a"), trace_of("b")]

    async def test_that_fails_says_the_kind_of_error_and_never_its_words(
        self, stage: StageInTest, spans: InMemorySpanExporter
    ) -> None:
        await stage.hear([heard(stage, "bad")])

        tries = spans.get_finished_spans()
        assert len(tries) == 3
        for span in tries:
            assert span.status.status_code is StatusCode.ERROR
            assert (span.attributes or {})["error.type"] == "RuntimeError"
            assert (span.attributes or {})["messaging.kafka.offset"] == 1
            assert "13912345678" not in span.to_json()

    async def test_costs_nothing_while_tracing_is_off(
        self, stage: StageInTest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def never(*_: object, **__: object) -> None:
            raise AssertionError("tracing is off")

        monkeypatch.setattr(tracing, "_within", never)
        monkeypatch.setattr(tracing, "_span", never)
        await stage.hear([heard(stage, "a")])
        assert await stage.records() == []


class FakePublisher:
    def __init__(self) -> None:
        self.records: list[Record] = []

    async def publish(self, records: Sequence[Record]) -> None:
        self.records += records


async def test_a_transformation_is_linked_to_the_traces_that_begin_in_it(
    spans: InMemorySpanExporter,
) -> None:
    def published(id: str) -> Record:
        envelope = Envelope(id, "/test", "x", NOON, NOON, traceparent=begin_trace("/test", id))
        return Record(TOUCHPOINTS.name, "k", to_headers(envelope), b"{}")

    async def transform(records: Sequence[ConsumerRecord]) -> list[Record]:
        torn = Record(TOUCHPOINTS.name, "k", [("traceparent", b"\xff-not-one")], b"{}")
        return [published("a"), torn, Record(TOUCHPOINTS.name, "k", [], b"{}"), published("b")]

    publisher = FakePublisher()
    stage = TransformStage(
        publisher,  # type: ignore[arg-type]
        Transforms((), transform, lambda letter: letter),
        service="ingest",
        attempts=1,
    )
    raw = ConsumerRecord("careline.raw.store.v1", 2, 7, 0, 0, b"", b"{}", None, 0, 2, ())
    await stage.settle([raw])

    [span] = spans.get_finished_spans()
    assert span.name == "process careline.raw.store.v1"
    assert (span.attributes or {})["messaging.kafka.offset"] == 7
    assert linked(span) == [trace_of("a"), trace_of("b")]
    assert len(publisher.records) == 4


class TestARequest:
    @pytest.fixture
    async def http(self, spans: InMemorySpanExporter) -> AsyncIterator[httpx.AsyncClient]:
        routes = APIRouter()

        @routes.get("/v1/customers/{number}")
        async def customer(number: str) -> None:
            if number == "away":
                raise HTTPException(503)
            tracing.link([begin_trace("/test", number)])

        class AnyService:
            name = policy_version = "any"
            policy = access = None
            stalled = ""

        app = create_app(cast(Service, AnyService()))
        app.include_router(routes)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://any") as http:
            yield http

    async def test_goes_on_in_its_caller_s_trace_and_links_its_events(
        self, http: httpx.AsyncClient, spans: InMemorySpanExporter
    ) -> None:
        await http.get("/v1/customers/C1", headers={"traceparent": SENT})

        [span] = spans.get_finished_spans()
        assert (span.name, span.kind) == ("GET /v1/customers/{number}", SpanKind.SERVER)
        assert span.parent is not None
        assert (f"{span.parent.trace_id:032x}", f"{span.parent.span_id:016x}") == (
            "a" * 32,
            "b" * 16,
        )
        assert dict(span.attributes or {}) == {
            "http.request.method": "GET",
            "http.route": "/v1/customers/{number}",
            "http.response.status_code": 200,
        }
        assert linked(span) == [trace_of("C1")]

    async def test_leaves_no_one_s_number_or_phone_in_its_span(
        self, http: httpx.AsyncClient, spans: InMemorySpanExporter
    ) -> None:
        await http.get("/v1/customers/C1?identity=phone:13912345678")
        await http.get("/v1/13912345678")

        for span in spans.get_finished_spans():
            words = f"{span.name} {dict(span.attributes or {})}"
            assert "C1" not in words and "13912345678" not in words

    async def test_that_fails_is_marked(
        self, http: httpx.AsyncClient, spans: InMemorySpanExporter
    ) -> None:
        await http.get("/v1/customers/away")

        [span] = spans.get_finished_spans()
        assert span.status.status_code is StatusCode.ERROR
        assert (span.attributes or {})["error.type"] == "503"

    async def test_of_a_probe_has_none(
        self, http: httpx.AsyncClient, spans: InMemorySpanExporter
    ) -> None:
        assert (await http.get("/health/live")).status_code == 200

        assert spans.get_finished_spans() == ()


class TestTheExporter:
    @pytest.fixture(autouse=True)
    def restored(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tracing, "tracer", tracing.tracer)

    @pytest.mark.parametrize("said", [None, "", "none"])
    def test_is_none_unless_asked_for(
        self, said: str | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("OTEL_TRACES_EXPORTER", raising=False)
        if said is not None:
            monkeypatch.setenv("OTEL_TRACES_EXPORTER", said)
        tracing.configure("scoring")

        assert not tracing.is_on()

    @pytest.mark.parametrize("said", ["otlp", "console"])
    def test_is_the_one_that_was_asked_for(
        self, said: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OTEL_TRACES_EXPORTER", said)
        tracing.configure("scoring")

        assert tracing.is_on()

    def test_that_nobody_knows_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OTEL_TRACES_EXPORTER", "jaeger")

        with pytest.raises(Misconfigured, match="'jaeger': say none, otlp or console"):
            tracing.configure("scoring")
