"""What all touchpoints have: the channel, and the identities by which it knows the customer."""

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from careline_contracts.payload import Payload, Personal

Channel = Literal["phone", "chat", "app", "sms", "community", "store"]

IdentityKind = Literal[
    "phone",
    "email",
    "app_user",
    "chat_open_id",
    "community_user",
    "member_card",
    "crm_number",
    "id_number",
    "bank_account",
    "device",
]

Count = Annotated[int, Field(ge=0, le=1_000_000_000)]
"""How many, or how many seconds or days: fits a 32-bit column."""

MinorUnits = Annotated[int, Field(ge=0, le=1_000_000_000_000_000)]
"""Money in the currency's smallest unit: thousands of the largest amounts fit a 64-bit sum."""


class Identity(Payload):
    """How a channel knows a customer. `value` is as the channel has it; ingest normalises it."""

    model_config = ConfigDict(strict=True)

    type: ClassVar[str] = ""
    kind: IdentityKind
    value: Annotated[
        str, Field(min_length=1, max_length=254, pattern=r"^[^\x00-\x1f\x7f]*$"), Personal()
    ]


class ChannelEvent(Payload):
    """Common to all touchpoints: at least one identity; several are linked to one customer.

    The first identity decides the Kafka partition, so a channel that always names the same
    one first keeps a customer's events in order.
    """

    model_config = ConfigDict(strict=True)

    channel: ClassVar[Channel]
    identities: Annotated[tuple[Identity, ...], Field(min_length=1, max_length=10)]


class AnyChannelEvent(ChannelEvent):
    """A touchpoint that every channel can see; it says itself through which one it came.

    Without `via` it came through the channel of whoever sends it, where that is known (a key's
    or a raw topic's channel).
    """

    channel: ClassVar[Channel] = "app"
    via: Channel = "app"
