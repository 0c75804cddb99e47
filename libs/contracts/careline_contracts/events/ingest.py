"""What ingest says: touchpoints with tokens in place of identities."""

from typing import Annotated, Any, ClassVar

from pydantic import Field

from careline_contracts.events.touchpoints import Channel, IdentityKind
from careline_contracts.payload import Payload, ShortText


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
