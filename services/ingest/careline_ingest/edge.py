"""One set of rules for every way in: what was read is given its times and judged."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple, Protocol

from careline_contracts.envelope import InvalidEnvelope, from_attributes, to_text
from careline_ingest.cloudevents import Event
from careline_ingest.policy import IngestPolicy
from careline_ingest.rules import (
    NO_CHANNEL,
    REPLAYABLE,
    Code,
    Rejected,
    Sealer,
    Span,
    Verdict,
    accept,
)
from careline_ingest.senders import ANONYMOUS, TYPES, Sender
from careline_ingest.sources import Sources
from careline_ingest.violations import Violations


class Clock(Protocol):
    """What the edge asks the runtime's clock."""

    @property
    def is_replay(self) -> bool: ...
    def now(self) -> datetime: ...
    def recorded_at(self, occurred_at: datetime) -> datetime: ...


class Moment(NamedTuple):
    """When events come in; those that come together have one."""

    now: datetime | None
    """None under the replay clock."""
    span: Span


class Edge:
    """Judges events, one by one; never raises."""

    def __init__(self, *, sealer: Sealer, policy: IngestPolicy, clock: Clock) -> None:
        self._sealer = sealer
        self._policy = policy
        self._clock = clock
        self._violations = Violations(Sources(policy.most_sources))

    def present(self) -> Moment:
        """The moment at which events that are judged now come in."""
        if self._clock.is_replay:
            return Moment(None, REPLAYABLE)
        now = self._clock.now()
        return Moment(now, Span(now - self._policy.oldest, now + self._policy.future_tolerance))

    def judge(
        self, event: Event | Rejected, sender: Sender = ANONYMOUS, *, at: Moment | None = None
    ) -> Verdict:
        """The record that the event becomes, or why it is refused."""
        if isinstance(event, Rejected):
            verdict: Verdict = event
        else:
            verdict = self._judge(event, sender, at or self.present())
        if isinstance(verdict, Rejected):
            code = verdict.code
        elif verdict.has_unknown_field:
            code = Code.UNKNOWN_FIELD
        else:
            return verdict
        return verdict._replace(violation=self._violations.of(event.attributes, sender, code))

    def _judge(self, event: Event, sender: Sender, moment: Moment) -> Verdict:
        attributes, data = event
        now, span = moment
        if now is not None and "time" not in attributes:
            # CloudEvents: without a time it happens as it is sent
            attributes = {**attributes, "time": to_text(now)}
        try:
            envelope = from_attributes(attributes)
        except InvalidEnvelope as error:
            return _flaw_of_attributes(error, attributes)
        return accept(
            envelope,
            data,
            sealer=self._sealer,
            policy=self._policy,
            recorded_at=now or self._clock.recorded_at(envelope.occurred_at),
            span=span,
            sender=sender,
        )


def _flaw_of_attributes(error: InvalidEnvelope, attributes: Mapping[str, str]) -> Rejected:
    is_missing = not attributes.get(error.attribute)
    code = Code.MISSING_ATTRIBUTE if is_missing else Code.INVALID_ATTRIBUTE
    channel = getattr(TYPES.get(attributes.get("type", "")), "channel", NO_CHANNEL)
    return Rejected(code, f"/{error.attribute}", str(error), channel)
