"""What operations say: the replay clock, and which policy is in force."""

from typing import ClassVar

from careline_contracts.payload import Instant, Payload, ShortText


class ClockTicked(Payload):
    """The replay clock moved to `now`; services under it fire what is due by then."""

    type: ClassVar[str] = "careline.clock.ticked.v1"
    now: Instant


class PolicyPublished(Payload):
    """A service decides by this policy from `effective_at` on (compacted by service)."""

    type: ClassVar[str] = "careline.policy.published.v1"
    service: ShortText
    version: str
    effective_at: Instant
    text: str
