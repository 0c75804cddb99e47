"""What operations say: the replay clock, which policy is in force, who may publish."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from careline_contracts.events.touchpoints import Channel
from careline_contracts.payload import Instant, Payload, ShortText

ChannelName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
"""A channel system's name: short enough for a metric label."""


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


class ChannelKey(Payload):
    """One key of a channel system, without what would let a reader use it."""

    type: ClassVar[str] = ""
    id: ShortText
    kind: Literal["bearer", "signature"]
    secret: ShortText
    """Of a bearer key its SHA-256 in hex; a signing secret is sealed, as ingest needs it whole."""
    created_at: Instant
    expires_at: Instant | None = None
    """From then on the key opens nothing; absent, it doesn't expire."""


class ChannelRegistered(Payload):
    """A channel system and its keys as they are now (compacted by name; a tombstone revokes it)."""

    type: ClassVar[str] = "careline.channel.registered.v1"
    name: ChannelName
    channel: Channel
    sources: Annotated[tuple[ShortText, ...], Field(min_length=1, max_length=20)]
    """CloudEvents sources that it may name: these, and what begins with one of them and `/`."""
    event_types: tuple[ShortText, ...]
    keys: Annotated[tuple[ChannelKey, ...], Field(max_length=10)]
