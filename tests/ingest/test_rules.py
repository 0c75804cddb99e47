"""Which events the edge takes, what it makes of them, and with which words it refuses others."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from careline_contracts.envelope import from_headers
from careline_contracts.events.ingest import IdentityToken, Touchpoint
from careline_contracts.events.touchpoints import CHANNEL_EVENTS, ChannelEvent, OutreachAnswered
from careline_contracts.examples import examples
from careline_contracts.topics import OUTREACH_RESULTS, TOUCHPOINTS
from careline_ingest import cloudevents
from careline_ingest.edge import Edge
from careline_ingest.rules import Accepted, Code, Rejected
from careline_ingest.senders import TYPES
from careline_runtime.keyring import Keyring

Purchase = Callable[..., dict[str, Any]]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def accepted(edge: Edge, event: object) -> Accepted:
    verdict = edge.judge(cloudevents.from_object(event))
    assert isinstance(verdict, Accepted), verdict
    return verdict


def rejected(edge: Edge, event: object) -> Rejected:
    verdict = edge.judge(cloudevents.from_object(event))
    assert isinstance(verdict, Rejected), verdict
    return verdict


class TestATouchpoint:
    def test_carries_tokens_and_sealed_values_in_place_of_identities(
        self, edge: Edge, keyring: Keyring, a_purchase: Purchase
    ) -> None:
        record = accepted(edge, a_purchase()).record

        touchpoint = Touchpoint.parse(record.value or b"")
        token = keyring.token("phone", "+8613912345678")
        sealed = keyring.seal("phone", "+8613912345678")
        assert touchpoint == Touchpoint(
            channel="store",
            identities=(IdentityToken(kind="phone", token=token, sealed=sealed),),
            body={"amount_minor": 12_900, "currency": "CNY", "items": 1},
        )
        assert record.value == touchpoint.to_json(), "the bytes that the model itself would write"
        assert (record.topic, record.key) == (TOUCHPOINTS.name, f"phone:{token}")

    def test_keeps_source_id_type_and_time_and_is_stamped_when_it_is_accepted(
        self, edge: Edge, a_purchase: Purchase
    ) -> None:
        sent = a_purchase(recordedtime="1999-01-01T00:00:00Z", partitionkey="mine", subject="Li")
        record = accepted(edge, sent).record

        envelope = from_headers(record.headers)
        assert (envelope.id, envelope.source) == (sent["id"], sent["source"])
        assert envelope.type == sent["type"]
        assert envelope.occurred_at == NOON - timedelta(minutes=1)
        assert envelope.recorded_at == NOON, "what the sender says about it does not count"
        assert (envelope.key, envelope.subject) == (record.key, "")

    @pytest.mark.parametrize(
        ("sent", "passed_on"),
        [
            pytest.param(f"00-{'a' * 32}-{'b' * 16}-01", True, id="passed on"),
            pytest.param(f"00-{'a' * 32}-{'b' * 16}-00", True, id="passed on when not sampled"),
            pytest.param("00-nonsense", False, id="begun when malformed"),
            pytest.param(f"00-{'0' * 32}-{'b' * 16}-01", False, id="begun when the trace is zero"),
            pytest.param(f"00-{'a' * 32}-{'0' * 16}-01", False, id="begun when the span is zero"),
            pytest.param(
                f"ff-{'a' * 32}-{'b' * 16}-01", False, id="begun when the version is none"
            ),
            pytest.param("x" * 1_000, False, id="begun when huge"),
            pytest.param(..., False, id="begun when none was sent"),
        ],
    )
    def test_trace_context(
        self, edge: Edge, a_purchase: Purchase, sent: str, passed_on: bool
    ) -> None:
        envelope = accepted(edge, a_purchase(traceparent=sent)).envelope
        key = envelope.event_key
        assert envelope.traceparent == (sent if passed_on else f"00-{key}-{key[16:]}-01")

    def test_seals_personal_texts_and_leaves_none_in_clear(
        self, edge: Edge, keyring: Keyring, a_purchase: Purchase
    ) -> None:
        event = a_purchase(
            type="careline.complaint.raised.v1",
            data={
                "amount_minor": ...,
                "currency": ...,
                "via": "chat",
                "text": "Ring me on 13700000001",
            },
        )
        verdict = accepted(edge, event)

        touchpoint = Touchpoint.parse(verdict.record.value or b"")
        assert touchpoint.channel == verdict.channel == "chat"
        assert keyring.open("text", touchpoint.sealed["text"]) == "Ring me on 13700000001"
        assert "text" not in touchpoint.body
        assert "1370000" not in repr(verdict.record)

    def test_names_each_identity_once(self, edge: Edge, a_purchase: Purchase) -> None:
        spellings = ["13912345678", "+86 139 1234 5678", "139-1234-5678"]
        phones = [{"kind": "phone", "value": value} for value in spellings]
        card = {"kind": "member_card", "value": "00001"}
        record = accepted(edge, a_purchase(data={"identities": [*phones, card]})).record

        touchpoint = Touchpoint.parse(record.value or b"")
        assert [identity.kind for identity in touchpoint.identities] == ["phone", "member_card"]
        assert record.key == touchpoint.identities[0].ref

    def test_the_same_event_twice_is_the_same_record(
        self, edge: Edge, a_purchase: Purchase
    ) -> None:
        assert accepted(edge, a_purchase()).record == accepted(edge, a_purchase()).record

    @pytest.mark.parametrize("payload", CHANNEL_EVENTS, ids=lambda payload: payload.type)
    def test_comes_of_every_type(self, edge: Edge, payload: type[ChannelEvent]) -> None:
        for example in examples(payload):
            record = accepted(edge, example).record
            touchpoint = Touchpoint.parse(record.value or b"")
            assert record.value == touchpoint.to_json()
            for identity in example["data"]["identities"]:
                assert f'"{identity["value"]}"' not in (record.value or b"").decode()


def test_an_answer_to_an_outreach_goes_to_engagement_under_its_customer(edge: Edge) -> None:
    for example in examples(OutreachAnswered):
        verdict = accepted(edge, example)
        answer = OutreachAnswered.parse(verdict.record.value or b"")
        assert verdict.record.topic == OUTREACH_RESULTS.name
        assert verdict.record.key == answer.customer == example["data"]["customer"]


def test_every_type_that_channels_may_say_is_known() -> None:
    assert len(TYPES) == len(CHANNEL_EVENTS) + 1


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        pytest.param({"id": ...}, Code.MISSING_ATTRIBUTE, "/id", id="no id"),
        pytest.param({"id": ""}, Code.MISSING_ATTRIBUTE, "/id", id="empty id"),
        pytest.param({"id": None}, Code.MISSING_ATTRIBUTE, "/id", id="null id"),
        pytest.param({"id": 7}, Code.INVALID_ATTRIBUTE, "/id", id="an id that is a number"),
        pytest.param({"id": "x" * 256}, Code.INVALID_ATTRIBUTE, "/id", id="a long id"),
        pytest.param({"id": "a\0b"}, Code.INVALID_ATTRIBUTE, "/id", id="an id with U+0000"),
        pytest.param({"source": ...}, Code.MISSING_ATTRIBUTE, "/source", id="no source"),
        pytest.param({"type": ...}, Code.MISSING_ATTRIBUTE, "/type", id="no type"),
        pytest.param({"type": "x.y"}, Code.UNKNOWN_TYPE, "/type", id="unknown type"),
        pytest.param(
            {"specversion": "0.3"}, Code.INVALID_ATTRIBUTE, "/specversion", id="CloudEvents 0.3"
        ),
        pytest.param({"time": "yesterday"}, Code.INVALID_ATTRIBUTE, "/time", id="no time at all"),
        pytest.param(
            {"time": "2026-03-01T12:00:00"}, Code.INVALID_ATTRIBUTE, "/time", id="no offset"
        ),
        pytest.param(
            {"time": "2026-03-01T12:05:01Z"}, Code.TIME_IN_FUTURE, "/time", id="5 min 1 s ahead"
        ),
        pytest.param(
            {"time": "9999-12-31T23:59:59Z"}, Code.TIME_IN_FUTURE, "/time", id="end of time"
        ),
        pytest.param(
            {"time": "2016-02-01T00:00:00Z"}, Code.TIME_TOO_OLD, "/time", id="ten years ago"
        ),
        pytest.param(
            {"time": "0001-01-01T00:00:00Z"}, Code.TIME_TOO_OLD, "/time", id="begin of time"
        ),
        pytest.param({"data": ...}, Code.MISSING_ATTRIBUTE, "/data", id="no data"),
        pytest.param({"data": None}, Code.INVALID_FIELD, "/data", id="null data"),
        pytest.param({"data": [1]}, Code.INVALID_FIELD, "/data", id="data that is an array"),
        pytest.param({"data": "{}"}, Code.INVALID_FIELD, "/data", id="JSON inside a text"),
        pytest.param(
            {"datacontenttype": "text/xml"},
            Code.UNSUPPORTED_CONTENT_TYPE,
            "/datacontenttype",
            id="XML",
        ),
        pytest.param(
            {"datacontenttype": "application/json; charset=gb2312"},
            Code.BAD_ENCODING,
            "/datacontenttype",
            id="another charset",
        ),
        pytest.param(
            {"data_base64": "e30="}, Code.INVALID_ATTRIBUTE, "/data_base64", id="data twice"
        ),
        pytest.param(
            {"data": ..., "data_base64": "%%%"},
            Code.BAD_ENCODING,
            "/data_base64",
            id="broken base64",
        ),
        pytest.param(
            {"data": ..., "data_base64": "//4="}, Code.BAD_ENCODING, "/data", id="UTF-16 in base64"
        ),
        pytest.param(
            {"data": ..., "data_base64": "eyJh"},
            Code.MALFORMED_JSON,
            "/data",
            id="broken JSON in base64",
        ),
    ],
)
def test_an_event_is_refused_for_its_envelope(
    edge: Edge, a_purchase: Purchase, changes: dict[str, Any], code: Code, pointer: str
) -> None:
    event = {k: v for k, v in {**a_purchase(), **changes}.items() if v is not ...}
    verdict = rejected(edge, event)
    assert (verdict.code, verdict.pointer) == (code, pointer)
    assert verdict.detail


@pytest.mark.parametrize(
    ("data", "code", "pointer"),
    [
        pytest.param({"amount_minor": ...}, "invalid_field", "/data/amount_minor", id="missing"),
        pytest.param({"amount_minor": "12"}, "invalid_field", "/data/amount_minor", id="a text"),
        pytest.param({"amount_minor": 1.5}, "invalid_field", "/data/amount_minor", id="a fraction"),
        pytest.param({"amount_minor": -1}, "invalid_field", "/data/amount_minor", id="negative"),
        pytest.param(
            {"amount_minor": 10**18}, "invalid_field", "/data/amount_minor", id="over 64-bit sums"
        ),
        pytest.param({"currency": "yuan"}, "invalid_field", "/data/currency", id="currency"),
        pytest.param({"store": "x" * 201}, "invalid_field", "/data/store", id="a long text"),
        pytest.param({"store": "a\0b"}, "invalid_field", "/data/store", id="U+0000"),
        pytest.param({"identities": ...}, "missing_identity", "/data/identities", id="no list"),
        pytest.param({"identities": []}, "missing_identity", "/data/identities", id="empty list"),
        pytest.param(
            {"identities": "13912345678"}, "invalid_identity", "/data/identities", id="no array"
        ),
        pytest.param(
            {"identities": [{"kind": "passport", "value": "1"}]},
            "invalid_identity",
            "/data/identities/0/kind",
            id="unknown kind",
        ),
        pytest.param(
            {"identities": [{"kind": "email", "value": 7}]},
            "invalid_identity",
            "/data/identities/0/value",
            id="an identity that is a number",
        ),
        pytest.param(
            {
                "identities": [
                    {"kind": "member_card", "value": "1"},
                    {"kind": "phone", "value": "nobody"},
                ]
            },
            "invalid_identity",
            "/data/identities/1/value",
            id="not a phone number",
        ),
        pytest.param(
            {"identities": [{"kind": "member_card", "value": str(n)} for n in range(11)]},
            "invalid_identity",
            "/data/identities",
            id="eleven identities",
        ),
        pytest.param({"note": "x" * 300_000}, "too_large", "/data", id="300 kB"),
    ],
)
def test_an_event_is_refused_for_its_data(
    edge: Edge, a_purchase: Purchase, data: dict[str, Any], code: str, pointer: str
) -> None:
    verdict = rejected(edge, a_purchase(data=data))
    assert (verdict.code, verdict.pointer) == (code, pointer)
    assert verdict.channel == "store"


@pytest.mark.parametrize("value", ["13912x4567", "li.na(at)example.com", "张三丰\x07"])
@pytest.mark.parametrize("kind", ["phone", "email", "member_card"])
def test_a_refusal_never_repeats_a_personal_value(
    edge: Edge, a_purchase: Purchase, kind: str, value: str
) -> None:
    event = a_purchase(data={"identities": [{"kind": kind, "value": value}]})
    verdict = edge.judge(cloudevents.from_object(event))
    assert isinstance(verdict, Accepted) or value not in verdict.detail


class TestTime:
    def test_five_minutes_ahead_are_a_clock_that_runs_fast(
        self, edge: Edge, a_purchase: Purchase
    ) -> None:
        assert accepted(edge, a_purchase(time="2026-03-01T12:05:00Z"))

    def test_without_a_time_it_happens_now(self, edge: Edge, a_purchase: Purchase) -> None:
        assert accepted(edge, a_purchase(time=...)).envelope.occurred_at == NOON

    def test_under_the_replay_clock_the_past_is_replayed_ahead_of_the_tick(
        self, edge: Edge, clock: Any, a_purchase: Purchase
    ) -> None:
        clock.is_replay, clock.instant = True, datetime(1997, 1, 1, tzinfo=UTC)
        ahead = accepted(edge, a_purchase(time="1998-06-30T00:00:00Z")).envelope
        assert ahead.recorded_at == ahead.occurred_at
        behind = accepted(edge, a_purchase(time="1996-01-01T00:00:00Z")).envelope
        assert behind.recorded_at == clock.instant

    @pytest.mark.parametrize(
        ("time", "code"),
        [
            pytest.param(..., Code.MISSING_ATTRIBUTE, id="a replayed event says when it was"),
            pytest.param("0001-01-01T00:00:00Z", Code.TIME_TOO_OLD, id="year 1"),
            pytest.param("9999-01-01T00:00:00Z", Code.TIME_IN_FUTURE, id="year 9999"),
        ],
    )
    def test_under_the_replay_clock_times_must_make_sense(
        self, edge: Edge, clock: Any, a_purchase: Purchase, time: Any, code: Code
    ) -> None:
        clock.is_replay = True
        verdict = rejected(edge, a_purchase(time=time))
        assert (verdict.code, verdict.pointer) == (code, "/time")
