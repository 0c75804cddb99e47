"""From raw records to events: each record is read by itself, so that a bad one is bad alone."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from aiokafka import ConsumerRecord
from pydantic import ValidationError

from careline_contracts.envelope import (
    STRUCTURED,
    Envelope,
    InvalidEnvelope,
    from_headers,
    from_structured,
)
from careline_contracts.payload import Payload
from careline_contracts.topics import Topic


class Heard(NamedTuple):
    """One event: envelope and data, and the record that it came in."""

    envelope: Envelope
    payload: Payload
    record: ConsumerRecord

    @property
    def topic(self) -> str:
        return str(self.record.topic)

    @property
    def partition(self) -> int:
        return int(self.record.partition)

    @property
    def offset(self) -> int:
        return int(self.record.offset)


class Poison(NamedTuple):
    """A record that can never be handled, and why."""

    reason: str
    detail: str
    record: ConsumerRecord

    @property
    def topic(self) -> str:
        return str(self.record.topic)

    @property
    def partition(self) -> int:
        return int(self.record.partition)

    @property
    def offset(self) -> int:
        return int(self.record.offset)


@dataclass(frozen=True)
class Hears:
    """What a service hears on a topic: a model for each CloudEvents type, or one for all others.

    A type without a model, and a subject that tells the service nothing, is skipped by its header,
    without parsing.
    """

    topic: Topic
    types: Mapping[str, type[Payload]] = field(default_factory=dict)
    otherwise: type[Payload] | None = None
    skips: str | None = None
    """A CloudEvents subject."""

    def model(self, type: str) -> type[Payload] | None:
        """The model for a CloudEvents type, None to skip it."""
        return self.types.get(type, self.otherwise)


def read(records: Iterable[ConsumerRecord], hears: Mapping[str, Hears]) -> list[Heard | Poison]:
    """What the records say, in their order; those that the service does not hear are left out."""
    items: list[Heard | Poison] = []
    for record in records:
        try:
            heard = _read_one(record, hears[record.topic])
        except InvalidEnvelope as error:
            items.append(Poison("invalid_envelope", str(error), record))
        except ValidationError as error:
            items.append(Poison("invalid_data", in_words(error), record))
        else:
            if heard is not None:
                items.append(heard)
    return items


def _read_one(record: ConsumerRecord, hears: Hears) -> Heard | None:
    headers = dict(record.headers)
    if "ce_type" in headers:
        model = hears.model((headers["ce_type"] or b"").decode(errors="replace"))
        if model is None or (hears.skips and headers.get("ce_subject") == hears.skips.encode()):
            return None
        envelope = from_headers(headers)
        return Heard(envelope, model.parse(record.value or b""), record)
    if record.value is None and hears.topic.kind == "state":
        # a key that is gone; whose customer is erased, activities say in their order
        return None
    content_type = (headers.get("content-type") or b"").decode(errors="replace")
    if not content_type.lower().startswith(STRUCTURED):
        raise InvalidEnvelope(
            "neither a ce_type header (binary mode) nor content-type application/cloudevents+json"
        )
    envelope, data = from_structured(record.value or b"")
    model = hears.model(envelope.type)
    return None if model is None else Heard(envelope, model.parse(data), record)


def in_words(error: ValidationError) -> str:
    """Each wrong field by its JSON pointer; never the value, which may be personal."""
    return "; ".join(
        f"/{'/'.join(str(step) for step in flaw['loc'])}: {flaw['msg']}"
        for flaw in error.errors(include_url=False, include_context=False, include_input=False)[:10]
    )
