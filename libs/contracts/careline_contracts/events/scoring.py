"""What scoring says: the score as state, and every change of tier, tag and risk with reasons."""

from decimal import Decimal
from typing import ClassVar, Literal

from pydantic import Field

from careline_contracts.payload import Instant, Payload, ShortText

Tier = Literal["core", "potential", "basic", "edge"]
Value = Literal["high", "potential", "normal"]
Need = Literal["active", "latent", "dormant", "none"]
Risk = Literal["high", "medium", "low"]
TagName = Literal[
    "life_cycle",  # prospect, active, dormant
    "party",  # individual, company
    "side",  # b, c
    "region",
    "industry",
    "care",  # how to treat somebody: elderly, vip
    "channel",  # preferences, from what the customer does: phone, chat, …
    "product",
    "part_of_day",
]
"""Tags that carry any number of values (TAG-4), in the order in which changes are said."""


class ScoreUpdated(Payload):
    """A customer's score, tags and tier as of an instant (compacted by customer number)."""

    type: ClassVar[str] = "careline.score.updated.v1"
    customer: ShortText
    version: int
    as_of: Instant
    total: Decimal
    """0 to 100, exact."""
    dimensions: dict[str, Decimal]
    value: Value
    need: Need
    risk: Risk
    tier: Tier
    tags: dict[TagName, tuple[ShortText, ...]] = Field(default_factory=dict)
    """TAG-4: values in alphabetical order; a tag without any is absent."""
    policy_version: str
    next_change_at: Instant | None = None
    """When something here changes if nothing happens."""
    merged_into: ShortText | None = None


class Changed(Payload):
    """A change of one verdict; `version` counts a customer's published changes without a gap."""

    customer: ShortText
    version: int
    as_of: Instant
    reasons: tuple[str, ...]
    policy_version: str


class TierChanged(Changed):
    type: ClassVar[str] = "careline.tier.changed.v1"
    from_: Tier | None = Field(None, alias="from")
    to: Tier


class TagChanged(Changed):
    type: ClassVar[str] = "careline.tag.changed.v1"
    tag: Literal["value", "need"]
    from_: Value | Need | None = Field(None, alias="from")
    to: Value | Need


class TagsChanged(Changed):
    """A tag of TAG-4 carries other values than before; both lists are in alphabetical order."""

    type: ClassVar[str] = "careline.tags.changed.v1"
    tag: TagName
    from_: tuple[ShortText, ...] = Field(alias="from")
    to: tuple[ShortText, ...]


class RiskChanged(Changed):
    type: ClassVar[str] = "careline.risk.changed.v1"
    from_: Risk | None = Field(None, alias="from")
    to: Risk
