"""Breaches of a contract: unknown fields are treated as the policy wants, every breach counted."""

import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from prometheus_client import REGISTRY

from careline_contracts.examples import examples
from careline_contracts.payload import Payload
from careline_contracts.topics import RAW
from careline_ingest import cloudevents
from careline_ingest.api import Intake
from careline_ingest.edge import Edge
from careline_ingest.handlers import RawTopics
from careline_ingest.observer import Unobserving
from careline_ingest.policy import IngestPolicy, Treatment, UnknownFieldsPolicy
from careline_ingest.rules import Accepted, Rejected, Verdict
from careline_ingest.sealing import KeyringSealer
from careline_ingest.senders import TYPES, Sender
from careline_ingest.sources import OTHER, Sources
from careline_ingest.violations import Violation, Violations
from careline_runtime.errors import Misconfigured
from careline_runtime.keyring import Keyring
from careline_runtime.policy import parse_policy
from tests.ingest.conftest import IS_BATCH, IS_STRUCTURED, URL, over_http

Purchase = Callable[..., dict[str, Any]]
AnEdge = Callable[..., Edge]

SHIPPED = files("careline_ingest").joinpath("policy.yaml").read_text("utf-8")
ANYBODY = Sender("anonymous")


@pytest.fixture
def an_edge(policy: IngestPolicy, keyring: Keyring, clock: Any) -> AnEdge:
    """Builds an edge that treats unknown fields of all types, or of the named ones, so."""

    def build(default: Treatment, **types: Treatment) -> Edge:
        unknown_fields = UnknownFieldsPolicy(default=default, types=types)
        strict = policy.model_copy(update={"unknown_fields": unknown_fields})
        return Edge(
            sealer=KeyringSealer(keyring, remembered_identities=10), policy=strict, clock=clock
        )

    return build


def judged(edge: Edge, event: object, sender: Sender = ANYBODY) -> Verdict:
    return edge.judge(cloudevents.from_object(event), sender)


class TestAnUnknownField:
    def test_is_ignored_as_shipped(self, edge: Edge, a_purchase: Purchase) -> None:
        verdict = judged(edge, a_purchase(data={"discount": 5}))
        plain = judged(edge, a_purchase())

        assert isinstance(verdict, Accepted) and isinstance(plain, Accepted)
        assert verdict == plain, "nobody can tell that it was there"

    @pytest.mark.parametrize(
        ("data", "pointer"),
        [
            pytest.param({"discount": 5}, "/data/discount", id="in the data"),
            pytest.param({"a/b~c": None}, "/data/a~1b~0c", id="a name that a pointer escapes"),
            pytest.param({"x" * 201: 1}, "/data", id="a name too long to repeat"),
            pytest.param(
                {"identities": [{"kind": "device", "value": "1", "verified": True}]},
                "/data/identities/0/verified",
                id="in an identity",
            ),
            pytest.param({"second": {}, "first": {}}, "/data/second", id="the first one sent"),
        ],
    )
    def test_is_refused_where_it_stands(
        self, an_edge: AnEdge, a_purchase: Purchase, data: dict[str, Any], pointer: str
    ) -> None:
        verdict = judged(an_edge("reject"), a_purchase(data=data))

        assert isinstance(verdict, Rejected), verdict
        assert (verdict.code, verdict.pointer) == ("unknown_field", pointer)

    def test_is_counted_and_taken(self, an_edge: AnEdge, a_purchase: Purchase) -> None:
        verdict = judged(an_edge("count"), a_purchase(data={"discount": 5}))
        plain = judged(an_edge("count"), a_purchase())

        assert isinstance(verdict, Accepted) and isinstance(plain, Accepted)
        assert verdict.record == plain.record
        assert plain.violation is None
        assert verdict.violation == Violation(
            "/store/hangzhou-2", "careline.purchase.completed", "v1", "unknown_field"
        )

    def test_is_treated_type_by_type(self, an_edge: AnEdge, a_purchase: Purchase) -> None:
        edge = an_edge("ignore", **{"careline.store.visited.v1": "reject"})
        visit = a_purchase(type="careline.store.visited.v1")

        assert isinstance(judged(edge, a_purchase(data={"discount": 5})), Accepted)
        assert isinstance(judged(edge, visit), Rejected), "a visit has no amount"

    def test_does_not_hide_a_field_that_is_wrong(
        self, an_edge: AnEdge, a_purchase: Purchase
    ) -> None:
        verdict = judged(an_edge("reject"), a_purchase(data={"discount": 5, "currency": "yuan"}))
        assert isinstance(verdict, Rejected)
        assert verdict.code == "invalid_field"

    def test_may_hold_what_only_some_parsers_read(self, an_edge: AnEdge) -> None:
        attributes = {"specversion": "1.0", "id": "1", "source": "/s", "time": "2026-03-01T11:00Z"}
        event = cloudevents.Event(
            {**attributes, "type": "careline.store.visited.v1"},
            b'{"identities":[{"kind":"device","value":"1"}],"a":NaN,"a":-Infinity}',
        )
        verdict = an_edge("reject").judge(event)
        assert isinstance(verdict, Rejected)
        assert verdict.pointer == "/data/a"

    @pytest.mark.parametrize("payload", TYPES.values(), ids=TYPES)
    def test_is_found_at_every_place_that_a_type_has(
        self, an_edge: AnEdge, payload: type[Payload]
    ) -> None:
        edge = an_edge("reject")
        for example in examples(payload):
            assert isinstance(judged(edge, example), Accepted)
            for pointer, changed in with_one_more_field(example["data"], "/data"):
                verdict = judged(edge, {**example, "data": changed})
                assert isinstance(verdict, Rejected), pointer
                assert (verdict.code, verdict.pointer) == ("unknown_field", pointer)


OPEN_OBJECTS = {"more"}
"""Objects with names of the sender's own: none of them is unknown."""


def with_one_more_field(data: Any, place: str) -> list[tuple[str, Any]]:
    """`data` with an unknown field in each of its objects in turn, and where that is."""
    if isinstance(data, list):
        return [
            (pointer, [*data[:n], changed, *data[n + 1 :]])
            for n, one in enumerate(data)
            for pointer, changed in with_one_more_field(one, f"{place}/{n}")
        ]
    if not isinstance(data, dict):
        return []
    return [
        (f"{place}/odd", {**data, "odd": 1}),
        *(
            (pointer, {**data, name: changed})
            for name, one in data.items()
            if name not in OPEN_OBJECTS
            for pointer, changed in with_one_more_field(one, f"{place}/{name}")
        ),
    ]


@pytest.mark.parametrize(
    ("types", "reason"),
    [
        pytest.param("{careline.order.placed.v9: reject}", "no such type", id="unknown type"),
        pytest.param("{careline.order.placed.v1: refuse}", "'ignore', 'count'", id="treatment"),
    ],
)
def test_a_treatment_that_cannot_be_kept_is_refused_with_its_line(types: str, reason: str) -> None:
    text = SHIPPED.replace("  types: {}", f"  types: {types}")
    line = text[: text.index(types)].count("\n") + 1

    with pytest.raises(Misconfigured, match=reason) as caught:
        parse_policy(IngestPolicy, text, path="ingest.yaml")

    assert f"ingest.yaml:{line}: " in str(caught.value)


class TestABreach:
    def test_names_the_channel_system_that_has_a_key(self) -> None:
        bound = Sender("hotline", "phone", ("/phone",), frozenset())
        attributes = {"source": "/phone/1", "type": "careline.call.missed.v1"}

        breach = Violations(Sources(1)).of(attributes, bound, "invalid_field")

        assert breach == Violation("hotline", "careline.call.missed", "v1", "invalid_field")

    def test_names_only_so_many_sources(self) -> None:
        violations = Violations(Sources(2))

        def source(name: object) -> str:
            return violations.of({"source": name}, ANYBODY, "unknown_type").source

        names = ["/a", "/b", "/c", "/a", "/b", "/" + "x" * 255]
        assert [source(name) for name in names] == ["/a", "/b", OTHER, "/a", "/b", OTHER]

    @pytest.mark.parametrize("source", [None, "", 7, "a\0b", "\ud800"])
    def test_knows_no_source_that_could_not_be_read(self, source: object) -> None:
        attributes = {} if source is None else {"source": source}
        assert Violations(Sources(9)).of(attributes, ANYBODY, "x").source == "unknown"

    @pytest.mark.parametrize("type", [None, 7, "careline.call.missed.v2", "v1", "anything"])
    def test_knows_no_type_that_no_contract_has(self, type: object) -> None:
        breach = Violations(Sources(9)).of({"type": type}, ANYBODY, "unknown_type")
        assert (breach.type, breach.version) == ("unknown", "unknown")


def counted(source: str, code: str, *, type: str = "careline.purchase.completed") -> float:
    version = "unknown" if type == "unknown" else "v1"
    labels = {"source": source, "type": type, "version": version, "code": code}
    return REGISTRY.get_sample_value("careline_contract_violations_total", labels) or 0.0


async def test_breaches_over_http_are_counted(
    an_intake: Callable[..., Intake], a_purchase: Purchase
) -> None:
    source = "/test/violations-over-http"
    events = [
        a_purchase(source=source),
        a_purchase(source=source, data={"currency": "yuan"}),
        {name: value for name, value in a_purchase(source=source).items() if name != "data"},
        a_purchase(source=source, datacontenttype="text/xml"),
        a_purchase(source=source, type="careline.fax.received.v1"),
    ]
    async with over_http(an_intake()) as http:
        await http.post(URL, json=events, headers=IS_BATCH)
        await http.post(URL, json=events[1], headers=IS_STRUCTURED)

    assert counted(source, "invalid_field") == 2
    assert counted(source, "missing_attribute") == 1
    assert counted(source, "unsupported_content_type") == 1
    assert counted(source, "unknown_type", type="unknown") == 1


async def test_breaches_over_kafka_are_counted_once_however_often_they_are_tried(
    an_edge: AnEdge, a_purchase: Purchase
) -> None:
    source = "/test/violations-over-kafka"
    events = [
        a_purchase(source=source, data={"discount": 5}),
        a_purchase(source=source, data={"currency": "yuan"}),
    ]
    records = [
        ConsumerRecord(
            topic=RAW["store"].name,
            partition=0,
            offset=offset,
            timestamp=0,
            timestamp_type=0,
            key=None,
            value=json.dumps(event).encode(),
            checksum=None,
            serialized_key_size=0,
            serialized_value_size=0,
            headers=(),
        )
        for offset, event in enumerate(events)
    ]
    raw_topics = RawTopics(an_edge("count"), Unobserving(), lambda letter: letter)
    for tried in (records, records[1:], records):
        await raw_topics.transform(tried)

    assert counted(source, "unknown_field") == 1
    assert counted(source, "invalid_field") == 1
