"""CloudEvents 1.0 on Kafka: binary mode written, binary and structured mode read.

Extensions beside the standard's attributes: `recordedtime` (when the edge accepted what happened;
decisions are taken as of this time), `causationid` (id of the event that led to this one),
`partitionkey` (equal to the record's key) and W3C `traceparent`.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, NamedTuple

from pydantic_core import to_json

Headers = Sequence[tuple[str, bytes]]
"""As Kafka has them: any order, any number of one name. Only in a dead letter may one be null."""

STRUCTURED = "application/cloudevents"

MAX_LENGTH = 255

KEPT = ("id", "source", "type", "subject", "partitionkey", "causationid", "traceparent")
"""The text attributes that Careline reads; others are ignored."""

FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters and lone surrogates: neither a header nor a database can hold them."""


class InvalidEnvelope(ValueError):
    """The attributes are not a CloudEvent that Careline can read; the text says which and why."""

    def __init__(self, text: str, *, attribute: str = "") -> None:
        super().__init__(text)
        self.attribute = attribute
        """The attribute at fault, where it is one."""


class Envelope(NamedTuple):
    """Who said what kind of thing when. Times read from a record are in UTC."""

    id: str
    source: str
    type: str
    occurred_at: datetime
    """CloudEvents `time`: when it happened."""
    recorded_at: datetime
    """When the edge accepted it, or when a timer was due: the as-of of the decision it causes."""
    key: str = ""
    subject: str = ""
    causation_id: str = ""
    traceparent: str = ""

    @property
    def known_at(self) -> datetime:
        """When it had both happened and been recorded: nothing can be decided by it earlier."""
        return max(self.occurred_at, self.recorded_at)

    @property
    def event_key(self) -> str:
        """The 32 hex characters under which an inbox remembers `(source, id)`."""
        return event_key(self.source, self.id)


class Record(NamedTuple):
    """One record to be published: `value` None is a tombstone."""

    topic: str
    key: str | bytes
    """Bytes are published as they are, which may be no text; an empty text is no key."""
    headers: Headers
    value: bytes | None


def event_key(source: str, id: str) -> str:
    """A stable 128-bit name of `(source, id)`, the pair that CloudEvents holds unique."""
    return blake2b(f"{source}\x00{id}".encode(), digest_size=16).hexdigest()


def begin_trace(source: str, id: str) -> str:
    """The W3C `traceparent` of a trace that begins with this event: its `event_key` is the trace.

    The same on every replay, and found without a tracing system (docs/decisions/0007).
    """
    key = event_key(source, id)
    return f"00-{key}-{key[16:]}-01"


def traceparent_of(record: Record) -> str:
    """The trace that a record is part of; empty where it names none."""
    for name, value in record.headers:
        if name == "traceparent":
            return value.decode(errors="replace")
    return ""


def to_headers(envelope: Envelope) -> Headers:
    """Binary-mode headers; empty optional attributes are left out."""
    id, source, type, occurred_at, recorded_at, key, subject, causation_id, traceparent = envelope
    occurred = _to_bytes(occurred_at)
    recorded = occurred if recorded_at is occurred_at else _to_bytes(recorded_at)
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", id.encode()),
        ("ce_source", source.encode()),
        ("ce_type", type.encode()),
        ("ce_time", occurred),
        ("ce_recordedtime", recorded),
        ("content-type", b"application/json"),
    ]
    if key:
        headers.append(("ce_partitionkey", key.encode()))
    if subject:
        headers.append(("ce_subject", subject.encode()))
    if causation_id:
        headers.append(("ce_causationid", causation_id.encode()))
    if traceparent:
        headers.append(("traceparent", traceparent.encode()))
    return headers


def from_headers(headers: Mapping[str, bytes] | Iterable[tuple[str, bytes]]) -> Envelope:
    """The envelope of a binary-mode record; raises `InvalidEnvelope`."""
    found = headers if isinstance(headers, dict) else dict(headers)
    return _plain(found) or _from_any_headers(found)


def _plain(found: Mapping[str, bytes]) -> Envelope | None:
    """The envelope of headers with nothing odd about them (4 µs less an event), else None."""
    try:
        id, source = found["ce_id"].decode(), found["ce_source"].decode()
        type = found["ce_type"].decode()
        key = found.get("ce_partitionkey", b"").decode()
        subject = found.get("ce_subject", b"").decode()
        cause = found.get("ce_causationid", b"").decode()
        trace = found.get("traceparent", b"").decode()
        together = "".join((id, source, type, key, subject, cause))
        if (
            found["ce_specversion"] != b"1.0"
            or not (id and source and type)
            or max(len(together), len(trace)) > MAX_LENGTH
            # nothing printable is forbidden, and asking costs a fifth of a search
            or not (together.isprintable() and trace.isprintable())
        ):
            return None
        occurred, recorded = found["ce_time"], found.get("ce_recordedtime", b"")
        occurred_at = from_text(occurred.decode(), name="time")
        recorded_at = occurred_at
        if recorded and recorded != occurred:
            recorded_at = from_text(recorded.decode(), name="recordedtime")
        return Envelope(id, source, type, occurred_at, recorded_at, key, subject, cause, trace)
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError):
        return None


def _from_any_headers(headers: Mapping[str, bytes]) -> Envelope:
    """The same for any headers; it can say what is wrong with them."""
    try:
        attributes = {
            name.removeprefix("ce_"): value.decode()
            for name, value in headers.items()
            if name.startswith("ce_") or name == "traceparent"
        }
    except (UnicodeDecodeError, AttributeError) as error:
        raise InvalidEnvelope("a header is null or not UTF-8") from error
    return from_attributes(attributes)


def from_structured(value: bytes) -> tuple[Envelope, bytes]:
    """Envelope and data of a structured-mode record; raises `InvalidEnvelope`."""
    try:
        event = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise InvalidEnvelope(f"not JSON: {error}") from error
    if not isinstance(event, dict):
        raise InvalidEnvelope("a structured CloudEvent is a JSON object")
    return from_object(event)


def from_object(event: dict[str, Any]) -> tuple[Envelope, bytes]:
    """Envelope and data of one event in the JSON event format; raises `InvalidEnvelope`."""
    if "data" not in event:
        raise InvalidEnvelope("attribute data is missing", attribute="data")
    attributes = {name: value for name, value in event.items() if isinstance(value, str)}
    envelope = from_attributes(attributes)
    try:
        return envelope, json.dumps(event["data"], ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError) as error:
        raise InvalidEnvelope(f"data cannot be written as JSON: {error}") from error


def from_attributes(attributes: Mapping[str, str]) -> Envelope:
    """The envelope with these attributes (no `ce_` before the names); raises `InvalidEnvelope`."""
    for name in ("specversion", "id", "source", "type"):
        if not attributes.get(name):
            raise InvalidEnvelope(f"attribute {name} is missing", attribute=name)
    if attributes["specversion"] != "1.0":
        raise InvalidEnvelope("attribute specversion is not 1.0", attribute="specversion")
    # one look at all of them together: a search through each costs 3 µs an event
    together = "".join(attributes.values())
    if len(together) > MAX_LENGTH or not together.isprintable():
        _refuse_odd(attributes)
    if "time" not in attributes:
        raise InvalidEnvelope("attribute time is missing", attribute="time")
    occurred_at = from_text(attributes["time"], name="time")
    recorded = attributes.get("recordedtime")
    return Envelope(
        attributes["id"],
        attributes["source"],
        attributes["type"],
        occurred_at,
        from_text(recorded, name="recordedtime") if recorded else occurred_at,
        attributes.get("partitionkey", ""),
        attributes.get("subject", ""),
        attributes.get("causationid", ""),
        attributes.get("traceparent", ""),
    )


def _refuse_odd(attributes: Mapping[str, str]) -> None:
    """Raises `InvalidEnvelope` if an attribute is too long or has a bad character."""
    for name in KEPT:
        text = attributes.get(name, "")
        if len(text) > MAX_LENGTH:
            raise InvalidEnvelope(
                f"attribute {name} is longer than {MAX_LENGTH} characters", attribute=name
            )
        if FORBIDDEN.search(text):
            raise InvalidEnvelope(
                f"attribute {name} has a character that CloudEvents forbids", attribute=name
            )


def to_text(instant: datetime) -> str:
    """RFC 3339 in UTC, ending in `Z`: one text for one instant."""
    return _to_bytes(instant).decode()


def _to_bytes(instant: datetime) -> bytes:
    if instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    # the same as `isoformat`, in a third of its time
    return to_json(instant)[1:-1]


def from_text(text: str, *, name: str) -> datetime:
    """The instant that an RFC 3339 text names; raises `InvalidEnvelope` naming the attribute."""
    try:
        instant = datetime.fromisoformat(text)
        in_utc = instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidEnvelope(
            f"attribute {name} is not an RFC 3339 time: {text[:40]!r}", attribute=name
        ) from error
    if instant.tzinfo is None:
        raise InvalidEnvelope(f"attribute {name} has no offset: {text[:40]!r}", attribute=name)
    return in_utc
