"""Reads CloudEvents however they come: HTTP or Kafka, binary or structured mode; never raises.

Only the attributes that Careline keeps are read. What a sender says about `recordedtime` or
`partitionkey` is left out: ingest decides those.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

import orjson

from careline_contracts.envelope import STRUCTURED
from careline_ingest.rules import Code, Rejected

KEPT = frozenset({"specversion", "id", "source", "type", "time", "traceparent"})
CONTENT_TYPE = "datacontenttype"
JSON = "application/json"

_HEADERS = {
    "traceparent": "traceparent",
    "content-type": CONTENT_TYPE,
    **{f"ce_{name}": name for name in KEPT - {"traceparent"}},
}
"""The attribute that each header of a Kafka record is."""

# W3C: version ff and ids of zeros only are no context
_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)
_JSON = re.compile(r"(application|text)/json|[a-z0-9.-]+/[a-z0-9.+-]+\+json")
_UTF_8 = frozenset({"", "utf-8", "utf8", "us-ascii"})


_NO_MODE = (
    "no ce-specversion header and another content type than application/cloudevents+json: "
    "one of them says where the attributes are"
)


class Event(NamedTuple):
    """Attributes as text, and the data as JSON that nobody has looked into yet."""

    attributes: Mapping[str, str]
    data: bytes


def from_record(headers: Iterable[tuple[str, bytes]], value: bytes | None) -> Event | Rejected:
    """A Kafka record: structured where the content type says so or no `ce_` header is there."""
    try:
        attributes = {_HEADERS[name]: text.decode() for name, text in headers if name in _HEADERS}
    except (UnicodeDecodeError, AttributeError):
        return Rejected(Code.BAD_ENCODING, "", "a header is null or not UTF-8")
    content_type = attributes.pop(CONTENT_TYPE, "")
    if value is None:
        return Rejected(Code.MALFORMED_JSON, "/data", "the record has no value")
    if "specversion" not in attributes or content_type.lower().startswith(STRUCTURED):
        return from_json(value)
    return _binary(attributes, content_type, value)


def from_http(
    headers: Iterable[tuple[bytes, bytes]], content_type: str, body: bytes
) -> Event | Rejected:
    """A request in binary mode: `ce-` headers, percent-encoded UTF-8, and the data as body."""
    texts: dict[str, str] = {}
    try:
        for name, text in headers:
            if name.startswith(b"ce-") or name == b"traceparent":
                texts[name.removeprefix(b"ce-").decode()] = unquote(text.decode(), errors="strict")
    except UnicodeDecodeError:
        return Rejected(Code.BAD_ENCODING, "", "a ce- header is not percent-encoded UTF-8")
    if "specversion" not in texts:
        missing = Rejected(Code.MISSING_ATTRIBUTE, "/specversion", "")
        return (_flaw_of_content_type(content_type or JSON) or missing)._replace(detail=_NO_MODE)
    attributes = {name: texts[name] for name in KEPT if name in texts}
    return _binary(attributes, content_type, body)


def from_json(body: bytes, *, traceparent: str | None = None) -> Event | Rejected:
    """One event in the JSON format, as it was sent; `traceparent` where it names none itself."""
    event = parse(body)
    if isinstance(event, Rejected):
        return event
    if traceparent is not None and isinstance(event, dict):
        event.setdefault("traceparent", traceparent)
    return from_object(event)


def from_object(event: object) -> Event | Rejected:
    """One event in the JSON format: the body in structured mode, or one item of a batch."""
    if not isinstance(event, dict):
        return Rejected(Code.MALFORMED_JSON, "", "a CloudEvent is a JSON object")
    attributes = {name: event[name] for name in KEPT & event.keys() if event[name] is not None}
    data = (
        _flaw_of_attributes(attributes)
        or _flaw_of_content_type(event.get(CONTENT_TYPE) or JSON)
        or _data(event)
    )
    if isinstance(data, Rejected):
        return data._replace(attributes=attributes)
    return _event(attributes, data)


def _flaw_of_attributes(attributes: Mapping[str, object]) -> Rejected | None:
    for name, value in attributes.items():
        if not isinstance(value, str):
            return Rejected(Code.INVALID_ATTRIBUTE, f"/{name}", f"attribute {name} is not a text")
    return None


def _data(event: Mapping[str, Any]) -> bytes | Rejected:
    if "data" in event:
        if "data_base64" in event:
            return Rejected(Code.INVALID_ATTRIBUTE, "/data_base64", "there is data already")
        try:
            return orjson.dumps(event["data"])
        except TypeError:
            return Rejected(Code.MALFORMED_JSON, "/data", "the data is nested too deep")
    if "data_base64" not in event:
        return Rejected(Code.MISSING_ATTRIBUTE, "/data", "the event has no data")
    try:
        return base64.b64decode(event["data_base64"], validate=True)
    except (binascii.Error, ValueError, TypeError):
        return Rejected(Code.BAD_ENCODING, "/data_base64", "not base64")


def parse(body: bytes) -> Any:
    """What the JSON in `body` says, or `Rejected`."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        try:
            body.decode()
        except UnicodeDecodeError:
            return Rejected(Code.BAD_ENCODING, "", "the body is not UTF-8")
        words = f"not JSON: {error.msg} at line {error.lineno} column {error.colno}"
        return Rejected(Code.MALFORMED_JSON, "", words)


def _binary(attributes: dict[str, str], content_type: str, data: bytes) -> Event | Rejected:
    flaw = _flaw_of_content_type(content_type or JSON)
    return flaw._replace(attributes=attributes) if flaw else _event(attributes, data)


def _event(attributes: dict[str, str], data: bytes) -> Event:
    if "traceparent" in attributes and not _TRACEPARENT.fullmatch(attributes["traceparent"]):
        del attributes["traceparent"]
    return Event(attributes, data)


def _flaw_of_content_type(content_type: object) -> Rejected | None:
    if content_type == JSON:
        return None
    if not isinstance(content_type, str):
        words = f"attribute {CONTENT_TYPE} is not a text"
        return Rejected(Code.INVALID_ATTRIBUTE, f"/{CONTENT_TYPE}", words)
    media_type, charset = split_content_type(content_type)
    if not _JSON.fullmatch(media_type):
        words = "the data must be JSON (application/json)"
        return Rejected(Code.UNSUPPORTED_CONTENT_TYPE, f"/{CONTENT_TYPE}", words)
    if charset not in _UTF_8:
        return Rejected(Code.BAD_ENCODING, f"/{CONTENT_TYPE}", "the charset must be UTF-8")
    return None


def split_content_type(content_type: str) -> tuple[str, str]:
    """Media type and charset, both in lower case; the charset is empty where none is named."""
    media_type, *parameters = content_type.lower().split(";")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset":
            return media_type.strip(), value.strip().strip('"')
    return media_type.strip(), ""
