"""What scoring says: the score as state, and every change of a verdict with its reasons.

A decision that changes something is said as a whole, and in parts: tier, tags, risk
(docs/decisions/0020).
"""

from decimal import Decimal
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

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
    "care",  # who needs special care, and why: elderly, vip
    "handling",  # what that means for whoever deals with them
    "channel",  # preferences, from what the customer does: phone, chat, …
    "product",
    "part_of_day",
]
"""Tags that carry any number of values (TAG-4)."""

Handling = Literal["person_at_once", "slow_script", "priority_lane"]
"""Ways of handling a customer, the values of the tag `handling`: no machine answers, the script's
slower wording, before the ordinary queue. Which care calls for which is scoring's policy."""

VerdictName = Literal["tier", "value", "need", "risk", TagName]
"""All that a decision decides, in the order in which changes are said."""


class ScoreUpdated(Payload):
    """A customer's score, tags and tier as of an instant (compacted by customer number)."""

    type: ClassVar[str] = "careline.score.updated.v1"
    customer: ShortText
    version: int
    """Of the last decision that changed a verdict."""
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


class Became(BaseModel):
    """What a verdict was (absent the first time), what it is now, and why.

    A tag of TAG-4 carries any number of values, in alphabetical order; the others exactly one.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    from_: str | tuple[str, ...] | None = Field(None, alias="from")
    to: str | tuple[str, ...]
    reasons: tuple[str, ...]


class Decided(Payload):
    """What every change says: whose, of which decision, as of when, by which policy."""

    customer: ShortText
    version: int
    as_of: Instant
    policy_version: str


class VerdictsChanged(Decided):
    """Everything that one decision changed; CloudEvents `subject` names it, separated by commas.

    `version` counts a customer's decisions that changed something: no gap, nothing twice.
    """

    type: ClassVar[str] = "careline.verdicts.changed.v1"
    changes: dict[VerdictName, Became]


class ChangedInPart(Decided):
    """The part of a `VerdictsChanged` for those who want one kind of change only.

    `version` is the decision's; `previous_version` that of the change before on this topic, so that
    a subscriber sees that none is missing. 0: there was none.
    """

    previous_version: int = 0


class TierChanged(ChangedInPart):
    type: ClassVar[str] = "careline.tier.changed.v1"
    from_: Tier | None = Field(None, alias="from")
    to: Tier
    reasons: tuple[str, ...]


class TagsChanged(ChangedInPart):
    """The tags of TAG-1, TAG-2 and TAG-4 that one decision changed; `subject` names them."""

    type: ClassVar[str] = "careline.tags.changed.v2"
    changes: dict[Literal["value", "need", TagName], Became]


class RiskChanged(ChangedInPart):
    type: ClassVar[str] = "careline.risk.changed.v1"
    from_: Risk | None = Field(None, alias="from")
    to: Risk
    reasons: tuple[str, ...]
