"""An event as a channel system sends it: a touchpoint of the contracts, with its envelope."""

import json
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from careline_contracts.envelope import to_text
from careline_contracts.events.touchpoints import ChannelEvent, OutreachAnswered


@dataclass(frozen=True, slots=True)
class Event:
    """A CloudEvent. Ingest knows it by its source and id: sent again, it counts once."""

    id: str
    source: str
    type: str
    occurred_at: datetime
    data: bytes
    """JSON."""
    traceparent: str = ""
    """W3C trace context of whoever caused it; Careline's spans continue that trace."""

    def to_json(self) -> bytes:
        """The event in the JSON event format."""
        trace = b'"traceparent":%s,' % _quoted(self.traceparent) if self.traceparent else b""
        return (
            b'{"specversion":"1.0","id":%s,"source":%s,"type":%s,"time":"%s",%s'
            b'"datacontenttype":"application/json","data":%s}'
        ) % (
            _quoted(self.id),
            _quoted(self.source),
            _quoted(self.type),
            to_text(self.occurred_at).encode(),
            trace,
            self.data,
        )


def event(
    touchpoint: ChannelEvent | OutreachAnswered,
    *,
    id: str,
    source: str,
    occurred_at: datetime,
    traceparent: str = "",
) -> Event:
    """The event that says what happened; raises `ValueError` for a time without an offset."""
    if occurred_at.tzinfo is None:
        raise ValueError("occurred_at needs an offset")
    # What was not said is left to ingest: it knows through which channel its sender speaks.
    said = touchpoint.model_dump_json(by_alias=True, exclude_unset=True, exclude_none=True)
    return Event(id, source, touchpoint.type, occurred_at, said.encode(), traceparent)


def event_id(*parts: str | int) -> str:
    """The same id for the same parts, such as a till and a receipt's number, on any machine.

    It hides nothing: an id of a phone number can be guessed back, so give no personal data.
    """
    return blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()


def _quoted(text: str) -> bytes:
    return json.dumps(text).encode()
