"""Decides what becomes of one event: the record that it turns into, or why it is refused."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol

import orjson
from pydantic import ValidationError
from pydantic_core import from_json

from careline_contracts.envelope import Envelope, Record, begin_trace, to_headers, to_text
from careline_contracts.events.touchpoints import (
    AnyChannelEvent,
    ChannelEvent,
    Identity,
    OutreachAnswered,
)
from careline_contracts.payload import Payload, personal_fields
from careline_contracts.topics import OUTREACH_RESULTS, TOUCHPOINTS
from careline_ingest.policy import IngestPolicy
from careline_ingest.senders import TYPES, Sender
from careline_ingest.violations import Violation

NO_CHANNEL: Final = "none"
"""Stands in metrics for the channel of an event that has none, or whose type is unknown."""

LONGEST_NAME: Final = 200
"""Of an unknown field that is repeated to its sender."""


class Span(NamedTuple):
    """The times that an event may name."""

    earliest: datetime
    latest: datetime


REPLAYABLE: Final = Span(datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))
"""Under the replay clock only this is asked of a time: the past is what is being replayed."""


class Code(StrEnum):
    """Why an event is refused, for machines."""

    MALFORMED_JSON = "malformed_json"
    BAD_ENCODING = "bad_encoding"
    UNSUPPORTED_CONTENT_TYPE = "unsupported_content_type"
    TOO_LARGE = "too_large"
    MISSING_ATTRIBUTE = "missing_attribute"
    INVALID_ATTRIBUTE = "invalid_attribute"
    UNKNOWN_TYPE = "unknown_type"
    TIME_IN_FUTURE = "time_in_future"
    TIME_TOO_OLD = "time_too_old"
    MISSING_IDENTITY = "missing_identity"
    INVALID_IDENTITY = "invalid_identity"
    INVALID_FIELD = "invalid_field"
    UNKNOWN_FIELD = "unknown_field"
    SOURCE_NOT_ALLOWED = "source_not_allowed"
    TYPE_NOT_ALLOWED = "type_not_allowed"
    CHANNEL_NOT_ALLOWED = "channel_not_allowed"


class Accepted(NamedTuple):
    """The event is good, and this is what is published of it."""

    record: Record
    envelope: Envelope
    channel: str
    fields: frozenset[str] = frozenset()
    """Those that the sender filled in."""
    has_unknown_field: bool = False
    """A field that its contract doesn't have, where the policy counts these."""
    violation: Violation | None = None


class Rejected(NamedTuple):
    """The event can't be taken. `pointer` is a JSON pointer into it, as in structured mode."""

    code: Code
    pointer: str
    detail: str
    channel: str = NO_CHANNEL
    attributes: Mapping[str, object] = MappingProxyType({})
    """What could be read of the event's own, where it was refused before it was judged."""
    violation: Violation | None = None


Verdict = Accepted | Rejected


class SealedIdentity(NamedTuple):
    """An identity without its value: `ref` is `kind:token`, `json` the `IdentityToken`."""

    ref: str
    json: bytes


class Sealer(Protocol):
    """Takes personal data out of an event."""

    def identity(self, kind: str, value: str) -> SealedIdentity:
        """Token and sealed value; raises `ValueError` with words that never repeat the value."""

    def text(self, field: str, text: str) -> str:
        """The sealed text of a personal field."""


class _Kind(NamedTuple):
    """What is known of a type before any event of it has come."""

    payload: type[Payload]
    channel: str
    personal: tuple[str, ...]
    """Fields to be sealed; identities are taken out by themselves."""
    not_in_body: set[str]


def _kind(payload: type[Payload]) -> _Kind:
    if not issubclass(payload, ChannelEvent):
        return _Kind(payload, NO_CHANNEL, (), set())
    personal = tuple(sorted(personal_fields(payload) - {"identities"}))
    return _Kind(payload, payload.channel, personal, {"identities", *personal})


_KINDS: Final = {type: _kind(payload) for type, payload in TYPES.items()}


def accept(
    envelope: Envelope,
    data: bytes,
    *,
    sealer: Sealer,
    policy: IngestPolicy,
    recorded_at: datetime,
    span: Span,
    sender: Sender,
) -> Verdict:
    """What becomes of the event, which may name times in `span`. Never raises."""
    kind = _KINDS.get(envelope.type)
    if kind is None:
        return Rejected(Code.UNKNOWN_TYPE, "/type", f"no touchpoint is of type {envelope.type!r}")
    flaw = (
        _flaw_of_binding(envelope, sender)
        or _flaw_of_time(envelope.occurred_at, span)
        or _flaw_of_size(data, policy)
    )
    if flaw is not None:
        return flaw._replace(channel=kind.channel)
    try:
        payload = kind.payload.parse(data)
    except ValidationError as error:
        return _flaw_of_data(error, data)._replace(channel=kind.channel)
    treatment = policy.unknown_fields.of(envelope.type)
    unknown_field = "" if treatment == "ignore" else _unknown_field(kind.payload, data)
    if unknown_field and treatment == "reject":
        words = f"{envelope.type} has no such field"
        return Rejected(Code.UNKNOWN_FIELD, unknown_field, words, kind.channel)
    if isinstance(payload, ChannelEvent):
        verdict = _touchpoint(envelope, payload, kind, sealer, recorded_at, sender)
    else:
        assert isinstance(payload, OutreachAnswered)
        verdict = _outreach_result(envelope, payload, recorded_at)
    if unknown_field and isinstance(verdict, Accepted):
        return verdict._replace(has_unknown_field=True)
    return verdict


def _outreach_result(
    envelope: Envelope, payload: OutreachAnswered, recorded_at: datetime
) -> Accepted:
    said = _stamped(envelope, payload.customer, recorded_at)
    record = Record(OUTREACH_RESULTS.name, said.key, to_headers(said), payload.to_json())
    return Accepted(record, said, NO_CHANNEL, frozenset(payload.model_fields_set))


def _touchpoint(
    envelope: Envelope,
    payload: ChannelEvent,
    kind: _Kind,
    sealer: Sealer,
    recorded_at: datetime,
    sender: Sender,
) -> Verdict:
    """The record of a touchpoint: the JSON that a `Touchpoint` would write, for 1 µs, not 5."""
    channel = kind.channel
    if isinstance(payload, AnyChannelEvent):
        if sender.channel is not None and "via" not in payload.model_fields_set:
            payload = payload.model_copy(update={"via": sender.channel})
        channel = payload.via
    if sender.is_bound and channel != sender.channel:
        words = f"the key is for {sender.channel}, the event came through {channel}"
        return Rejected(Code.CHANNEL_NOT_ALLOWED, "/data/via", words, channel)
    identities: dict[str, bytes] = {}
    for index, identity in enumerate(payload.identities):
        try:
            ref, json = sealer.identity(identity.kind, identity.value)
        except ValueError as error:
            pointer = f"/data/identities/{index}/value"
            return Rejected(Code.INVALID_IDENTITY, pointer, str(error), channel)
        identities[ref] = json
    body = payload.__pydantic_serializer__.to_json(
        payload, exclude=kind.not_in_body, exclude_none=True
    )
    personal = {
        field: sealer.text(field, value if isinstance(value, str) else orjson.dumps(value).decode())
        for field in kind.personal
        if (value := getattr(payload, field))
    }
    value = b'{"channel":"%b","identities":[%b],"body":%b,"sealed":%b}' % (
        channel.encode(),
        b",".join(identities.values()),
        body,
        orjson.dumps(personal) if personal else b"{}",
    )
    said = _stamped(envelope, next(iter(identities)), recorded_at)
    record = Record(TOUCHPOINTS.name, said.key, to_headers(said), value)
    return Accepted(record, said, channel, frozenset(payload.model_fields_set))


def _stamped(envelope: Envelope, key: str, recorded_at: datetime) -> Envelope:
    """The envelope of what is published: only what is known to be kept."""
    return Envelope(
        envelope.id,
        envelope.source,
        envelope.type,
        envelope.occurred_at,
        recorded_at,
        key,
        "",
        "",
        envelope.traceparent or begin_trace(envelope.source, envelope.id),
    )


def _flaw_of_binding(envelope: Envelope, sender: Sender) -> Rejected | None:
    """What a channel system's key doesn't allow it to say."""
    if sender.types is None:
        return None
    if not sender.may_name(envelope.source):
        words = f"the key of {sender.name} is for {', '.join(sender.sources)} and what lies below"
        return Rejected(Code.SOURCE_NOT_ALLOWED, "/source", words)
    if envelope.type not in sender.types:
        words = f"the key of {sender.name} is not for {envelope.type}"
        return Rejected(Code.TYPE_NOT_ALLOWED, "/type", words)
    return None


def _flaw_of_time(occurred_at: datetime, span: Span) -> Rejected | None:
    if span.earliest <= occurred_at <= span.latest:
        return None
    code = Code.TIME_TOO_OLD if occurred_at < span.earliest else Code.TIME_IN_FUTURE
    words = f"the time must be between {to_text(span.earliest)} and {to_text(span.latest)}"
    return Rejected(code, "/time", words)


def _flaw_of_size(data: bytes, policy: IngestPolicy) -> Rejected | None:
    if len(data) <= policy.max_event_bytes:
        return None
    words = f"the data has {len(data)} bytes, more than {policy.max_event_bytes}"
    return Rejected(Code.TOO_LARGE, "/data", words)


def _flaw_of_data(error: ValidationError, data: bytes) -> Rejected:
    """The first flaw that the model found; its words never repeat a value."""
    flaw = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place, kind, words = flaw["loc"], flaw["type"], flaw["msg"]
    if kind == "json_invalid":
        try:
            data.decode()
        except UnicodeDecodeError:
            return Rejected(Code.BAD_ENCODING, "/data", "the data is not UTF-8")
        return Rejected(Code.MALFORMED_JSON, "/data", words)
    pointer = _pointer(("data", *place))
    if place == ("identities",) and kind in {"missing", "too_short"}:
        return Rejected(Code.MISSING_IDENTITY, pointer, "at least one identity is needed")
    if place[:1] == ("identities",):
        return Rejected(Code.INVALID_IDENTITY, pointer, words)
    return Rejected(Code.INVALID_FIELD, pointer, words)


def _unknown_field(payload_type: type[Payload], data: bytes) -> str:
    """A pointer to the first field that the contract doesn't have; empty where there is none.

    The data has passed the model, so it has the model's shape.
    """
    event = from_json(data)
    for name in event:
        if name not in payload_type.model_fields:
            return _pointer_to_name(("data",), name)
    for index, identity in enumerate(event.get("identities", ())):
        for name in identity:
            if name not in Identity.model_fields:
                return _pointer_to_name(("data", "identities", index), name)
    return ""


def _pointer_to_name(place: tuple[Any, ...], name: str) -> str:
    """A sender's own name can be as long as the event: then the pointer ends where it stands."""
    return _pointer((*place, name) if len(name) <= LONGEST_NAME else place)


def _pointer(steps: tuple[Any, ...]) -> str:
    """RFC 6901."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps)
