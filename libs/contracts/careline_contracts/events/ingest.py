"""What ingest says: touchpoints with tokens in place of identities, and how its sources are."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from careline_contracts.events.touchpoints import Channel, IdentityKind
from careline_contracts.payload import Instant, Payload, ShortText


class IdentityToken(Payload):
    """An identity that can be compared but not read: HMAC token, and the sealed original."""

    type: ClassVar[str] = ""
    kind: IdentityKind
    token: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    sealed: str

    @property
    def ref(self) -> str:
        """`kind:token`, the name under which facts about this identity are kept."""
        return f"{self.kind}:{self.token}"


class Touchpoint(Payload):
    """One contact of a customer with the company, of the CloudEvents type that the channel gave.

    `body` holds the type's own fields without identities and personal ones; `sealed` holds the
    personal ones, encrypted. The record's key is the first identity's `ref`.
    """

    type: ClassVar[str] = "careline.touchpoint.*"
    channel: Channel
    identities: Annotated[tuple[IdentityToken, ...], Field(min_length=1, max_length=10)]
    body: dict[str, Any]
    sealed: dict[ShortText, str] = Field(default_factory=dict)


SourceName = Annotated[str, Field(min_length=1, max_length=255)]
"""A CloudEvents source."""

DriftKind = Literal["rate", "type_mix", "null_share"]


class ChannelSilent(Payload):
    """A source that used to send has sent nothing for longer than chance explains."""

    type: ClassVar[str] = "careline.channel.silent.v1"
    source: SourceName
    since: Instant
    expected_events: int
    """So many were usual in this time."""


class ChannelDrifting(Payload):
    """A source sends otherwise than it used to: in rate, in types, or in what it leaves out."""

    type: ClassVar[str] = "careline.channel.drifting.v1"
    source: SourceName
    kind: DriftKind
    detail: str
    usual: float
    found: float


class ChannelRecovered(Payload):
    """A source that was silent or drifting is as it used to be."""

    type: ClassVar[str] = "careline.channel.recovered.v1"
    source: SourceName
    recovered_from: Literal["silent", DriftKind]
    since: Instant
    """When it had begun."""
