"""The shape of an engagement policy: which warnings open a case, its deadlines, how it ends."""

from datetime import timedelta
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    StringConstraints,
    model_validator,
)

from careline_contracts.events.engagement import CaseStep
from careline_contracts.events.scoring import Tier
from careline_contracts.events.touchpoints import CHANNEL_EVENTS, OutreachAnswered

Trigger = Literal["risk_high", "need_dormant"]

OUTREACH = "outreach.answered"
_RESULTS: tuple[str, ...] = get_args(OutreachAnswered.model_fields["result"].annotation)
TOUCHPOINTS = {
    event.type.removeprefix("careline.").removesuffix(".v1"): event.type for event in CHANNEL_EVENTS
}
"""CloudEvents type by the name that policies use."""
_KNOWN = TOUCHPOINTS.keys() | {f"{OUTREACH}/{name}" for name in (*_RESULTS, "cause", "offer")}


def _known_evidence(kind: str) -> str:
    if kind not in _KNOWN:
        raise ValueError(f"{kind!r} is neither a touchpoint nor what an outreach is answered with")
    return kind


Evidence = frozenset[Annotated[str, AfterValidator(_known_evidence)]]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class Part(BaseModel):
    """Frozen, and a misspelt name is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class WarningPolicy(Part):
    """Whom a kind of warning is worth a case."""

    tiers: frozenset[Tier]


class StepPolicy(Part):
    """One step of a case: by when, and what shows that it was done."""

    step: CaseStep
    within_hours: PositiveInt
    done_by: Annotated[Evidence, Field(min_length=1)]

    @property
    def within(self) -> timedelta:
        return timedelta(hours=self.within_hours)


class OutcomePolicy(Part):
    """How a case ends."""

    window_days: PositiveInt
    saved_by: Annotated[Evidence, Field(min_length=1)]
    withdrawn_by: Evidence

    @property
    def window(self) -> timedelta:
        return timedelta(days=self.window_days)


class OutreachPolicy(Part):
    """What a channel is asked to deliver when a case opens."""

    purpose: Name
    script: Name
    channel: dict[Tier, Name]

    @model_validator(mode="after")
    def _every_tier_has_a_channel(self) -> Self:
        if missing := [tier for tier in get_args(Tier) if tier not in self.channel]:
            raise ValueError(f"no channel for {', '.join(missing)}")
        return self


class RetentionPolicy(Part):
    """The retention case from warning to end."""

    warnings: dict[Trigger, WarningPolicy]
    steps: tuple[StepPolicy, ...]
    outcome: OutcomePolicy
    cool_down_days: PositiveInt
    outreach: OutreachPolicy

    @model_validator(mode="after")
    def _every_step_has_its_time(self) -> Self:
        named = [step.step for step in self.steps]
        if sorted(named) != sorted(get_args(CaseStep)):
            raise ValueError(f"steps must be {', '.join(get_args(CaseStep))}, each once")
        for earlier, later in pairwise(self.steps):
            if later.within < earlier.within:
                raise ValueError(f"{later.step} falls due before {earlier.step}, which precedes it")
        if self.steps[-1].within >= self.outcome.window:
            raise ValueError(f"{self.steps[-1].step} falls due after the outcome window has ended")
        if both := self.outcome.saved_by & self.outcome.withdrawn_by:
            raise ValueError(f"{', '.join(sorted(both))} can't both save and withdraw a case")
        return self

    @property
    def cool_down(self) -> timedelta:
        return timedelta(days=self.cool_down_days)


class EngagementPolicy(Part):
    """Engagement's policy file."""

    version: Name
    retention: RetentionPolicy
    topics_apart_days: PositiveInt

    @property
    def topics_apart(self) -> timedelta:
        return timedelta(days=self.topics_apart_days)

    @property
    def facts_kept(self) -> timedelta:
        """How long before a customer's latest fact the others still matter."""
        return self.retention.outcome.window + self.topics_apart

    @cached_property
    def evidence(self) -> frozenset[str]:
        """Every kind of fact that some rule looks at; no other is kept."""
        outcome = self.retention.outcome
        return outcome.saved_by.union(
            outcome.withdrawn_by, *(step.done_by for step in self.retention.steps)
        )

    @cached_property
    def touchpoint_types(self) -> frozenset[str]:
        """CloudEvents types of the touchpoints among the evidence; all others are skipped."""
        return frozenset(TOUCHPOINTS[kind] for kind in self.evidence if kind in TOUCHPOINTS)
