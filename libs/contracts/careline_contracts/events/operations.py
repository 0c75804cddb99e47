"""What operations say: the replay clock, which policy is in force, who may publish."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from careline_contracts.envelope import to_text
from careline_contracts.events.touchpoints import Channel
from careline_contracts.payload import Instant, Payload, ShortText

ChannelName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
"""A channel system's name: short enough for a metric label."""


class ClockTicked(Payload):
    """The replay clock moved to `now`; services under it fire what is due by then."""

    type: ClassVar[str] = "careline.clock.ticked.v1"
    now: Instant
    still: dict[ShortText, Instant] = Field(default_factory=dict, max_length=20)
    """Services for which it is an earlier instant yet, and which: they first hear what the others
    say of the time in between."""

    def at(self, service: str) -> datetime:
        """What time it is for a service."""
        return self.still.get(service, self.now)


class PolicyPublished(Payload):
    """A service decides by this policy from `effective_at` on, until the next one's instant.

    Keyed by `key`: each is kept for ever, so that what was decided before can be decided again.
    """

    type: ClassVar[str] = "careline.policy.published.v1"
    service: ShortText
    version: str
    """The policy's own name for itself, with a hash of its text."""
    effective_at: Instant
    text: str
    """The policy file as it is, with its comments."""
    published_at: Instant | None = None
    note: Annotated[str, StringConstraints(max_length=500)] = ""
    """Why it was published, for those who read the history."""
    restores: str | None = None
    """Of a rollback: the version that is in force again."""

    @property
    def key(self) -> str:
        """Of the record: two policies of a service never share an instant."""
        return f"{self.service}/{to_text(self.effective_at)}"


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
