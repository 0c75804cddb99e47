"""What scoring says: the score as state, and every change of tier, tag and risk with reasons."""

from decimal import Decimal
from typing import ClassVar, Literal

from pydantic import Field

from careline_contracts.payload import Instant, Payload, ShortText

Tier = Literal["core", "potential", "basic", "edge"]
Value = Literal["high", "potential", "normal"]
Need = Literal["active", "latent", "dormant", "none"]
Risk = Literal["high", "medium", "low"]


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


class RiskChanged(Changed):
    type: ClassVar[str] = "careline.risk.changed.v1"
    from_: Risk | None = Field(None, alias="from")
    to: Risk
