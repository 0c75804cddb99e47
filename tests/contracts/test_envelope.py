"""CloudEvents on Kafka, held against the CloudEvents project's own SDK."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from careline_contracts.envelope import (
    Envelope,
    Headers,
    InvalidEnvelope,
    event_key,
    from_headers,
    from_object,
    from_structured,
    to_headers,
    to_text,
)

AT = datetime(2026, 3, 1, 2, 15, tzinfo=UTC)
# all that UTF-8 can say; asked for by `codec`, every character is tried first, which a health
# check on a busy machine takes for slow generation
names = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=255)
instants = st.datetimes(
    min_value=datetime(1900, 1, 1),  # noqa: DTZ001 - Hypothesis wants the bound without a zone
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-9.5))]),
)
envelopes = st.builds(
    Envelope,
    id=names,
    source=names,
    type=names,
    occurred_at=instants,
    recorded_at=instants,
    key=st.just("") | names,
    subject=st.just("") | names,
    causation_id=st.just("") | names,
    traceparent=st.just(""),
)


def an_envelope(**changes: Any) -> Envelope:
    return Envelope(
        id="1", source="/till/7", type="careline.store.visited.v1", occurred_at=AT, recorded_at=AT
    )._replace(**changes)


def some_attributes(**changes: Any) -> dict[str, Any]:
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "/till/7",
        "type": "careline.store.visited.v1",
        "time": "2026-03-01T10:15:00+08:00",
        "data": {},
    }
    return {name: value for name, value in {**event, **changes}.items() if value is not None}


@given(envelopes)
def test_headers_bring_the_envelope_back(envelope: Envelope) -> None:
    assert from_headers(to_headers(envelope)) == envelope


@given(envelopes)
def test_the_sdk_reads_what_we_write(envelope: Envelope) -> None:
    message = KafkaMessage(dict(to_headers(envelope)), envelope.key or None, b'{"a": 1}')

    event = from_binary(message, JSONFormat())

    assert event.get_id() == envelope.id
    assert event.get_source() == envelope.source
    assert event.get_type() == envelope.type
    assert event.get_time() == envelope.occurred_at
    assert event.get_data() == {"a": 1}


def an_sdk_event() -> CloudEvent:
    return CloudEvent(
        {
            "id": "1",
            "source": "/till/7",
            "type": "careline.store.visited.v1",
            "time": AT,
            "datacontenttype": "application/json",
            "partitionkey": "card-1",
        },
        {"store": "上海 01"},
    )


def test_we_read_what_the_sdk_writes_in_binary_mode() -> None:
    message = to_binary(an_sdk_event(), JSONFormat())

    assert from_headers(message.headers.items()) == an_envelope(key="card-1")
    assert json.loads(message.value) == {"store": "上海 01"}


def test_we_read_what_the_sdk_writes_in_structured_mode() -> None:
    message = to_structured(an_sdk_event(), JSONFormat())

    envelope, data = from_structured(message.value)

    assert envelope == an_envelope(key="card-1")
    assert json.loads(data) == {"store": "上海 01"}


def test_headers_that_are_not_of_cloudevents_cannot_stand_in_for_attributes() -> None:
    headers: Headers = [*to_headers(an_envelope()), ("id", b"other"), ("retry", b"\xff")]

    assert from_headers(headers).id == "1"


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type", "time", "data"])
def test_a_missing_attribute_is_named(name: str) -> None:
    with pytest.raises(InvalidEnvelope, match=f"attribute {name} is missing") as caught:
        from_object(some_attributes(**{name: None}))
    assert caught.value.attribute == name


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"specversion": "0.3"}, "specversion is not 1.0", id="old specversion"),
        pytest.param({"id": ""}, "id is missing", id="empty id"),
        pytest.param({"id": 7}, "id is missing", id="id is a number"),
        pytest.param({"id": "x" * 256}, "id is longer than 255", id="long id"),
        pytest.param({"id": "a\x00b"}, "id has a character", id="null character"),
        pytest.param({"source": "a\ud800"}, "source has a character", id="lone surrogate"),
        pytest.param({"time": "yesterday"}, "time is not an RFC 3339 time", id="no time"),
        pytest.param({"time": "2026-03-01T10:15:00"}, "time has no offset", id="no offset"),
        pytest.param(
            {"time": "0001-01-01T00:00:00+14:00"},
            "time is not an RFC 3339 time",
            id="year 0",
        ),
        pytest.param({"recordedtime": "x"}, "recordedtime is not", id="recorded time"),
        pytest.param({"data": "\ud800"}, "data cannot be written", id="data is not Unicode"),
    ],
)
def test_what_is_wrong_is_said(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidEnvelope, match=words):
        from_object(some_attributes(**changes))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        pytest.param(b"{", "not JSON", id="not JSON"),
        pytest.param(b"\xff\xfe\xfd", "not JSON", id="not UTF-8"),
        pytest.param(b"[" * 100_000, "not JSON", id="nested without end"),
        pytest.param(b"[]", "is a JSON object", id="not an object"),
    ],
)
def test_a_structured_record_that_cannot_be_read(value: bytes, words: str) -> None:
    with pytest.raises(InvalidEnvelope, match=words):
        from_structured(value)


@pytest.mark.parametrize("header", [("ce_id", b"\xff"), ("ce_id", None)], ids=["not UTF-8", "null"])
def test_a_header_that_cannot_be_read(header: Any) -> None:
    with pytest.raises(InvalidEnvelope, match="a header is null or not UTF-8"):
        from_headers([header])


def test_one_name_for_one_source_and_id() -> None:
    assert event_key("/till/7", "1") == event_key("/till/7", "1")
    assert event_key("/till/7", "1") != event_key("/till/71", "")
    assert event_key("/a", "b/c") != event_key("/a/b", "c")


@given(instants)
def test_an_instant_is_written_as_python_writes_it_in_utc(instant: datetime) -> None:
    assert to_text(instant) == instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
