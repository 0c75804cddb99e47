"""What engagement knows of a customer: facts, warnings and cases, under the numbers they came with.

Facts commute: whichever of the topics is heard first, the same ones are there in the end.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple, cast

from careline_contracts.events.engagement import CaseStatus, CaseStep
from careline_contracts.events.scoring import Tier
from careline_engagement.policy import Trigger

ALWAYS = datetime.min.replace(tzinfo=UTC)


class Fact(NamedTuple):
    """Something that a policy may call evidence. `at` is when we could know it."""

    at: datetime
    number: str
    kind: str
    event_id: str
    detail: str = ""
    """The cause or the offer, in words."""


class Alias(NamedTuple):
    """`absorbed` was found to be the same customer as `survivor`."""

    absorbed: str
    survivor: str
    since: datetime


class ChurnWarning(NamedTuple):
    """Scoring said something that may open a case."""

    number: str
    version: int
    """Of scoring's change: with `number` the warning's name."""
    at: datetime
    trigger: Trigger
    tier: Tier | None
    reasons: tuple[str, ...]
    event_id: str
    traceparent: str = ""


Outcome = Literal["opened", "tier_not_covered", "case_open", "cool_down"]
"""What a warning led to: a case, or why not."""


class Step(NamedTuple):
    """One step of a case and what has been said about it."""

    due_at: datetime
    done_at: datetime | None = None
    breached_at: datetime | None = None
    detail: str = ""


class Move(NamedTuple):
    """One change of a case, at its instant. The future ones may still come otherwise."""

    at: datetime
    kind: Literal["opened", "done", "breached", "closed"]
    subject: CaseStep | CaseStatus
    detail: str = ""
    """What was found or offered; of an ending, its reason."""
    event_id: str = ""
    """Of the event that caused it; empty when time did."""


class Case(NamedTuple):
    """A retention case with everything that has been said about it.

    Deadlines are fixed when it opens: a running case keeps the promises that it began with.
    """

    id: str
    number: str
    """The customer's when the case opened; `Family.holder` knows the present one."""
    trigger: Trigger
    tier: Tier
    reasons: tuple[str, ...]
    opened_at: datetime
    ends_at: datetime
    steps: Mapping[CaseStep, Step]
    policy_version: str
    version: int = 1
    status: CaseStatus = "open"
    closed_at: datetime | None = None
    closed_reason: str = ""
    traceparent: str = ""
    """Of the warning that opened it."""

    @property
    def is_open(self) -> bool:
        return self.closed_at is None

    @property
    def is_breached(self) -> bool:
        """Whether any step was missed."""
        return any(step.breached_at for step in self.steps.values())

    def after(self, move: Move) -> "Case":
        """The case once `move` has been said."""
        version = self.version + 1
        if move.kind == "closed":
            return self._replace(
                version=version,
                status=cast(CaseStatus, move.subject),
                closed_at=move.at,
                closed_reason=move.detail,
            )
        name = cast(CaseStep, move.subject)
        step = self.steps[name]
        if move.kind == "done":
            step = step._replace(done_at=move.at, detail=move.detail)
        else:
            step = step._replace(breached_at=move.at)
        return self._replace(version=version, steps={**self.steps, name: step})


class Family(NamedTuple):
    """One customer: the numbers that were found to be one person, and what is known of each."""

    numbers: frozenset[str]
    aliases: Mapping[str, Alias]
    """By the absorbed number."""
    facts: Sequence[Fact] = ()
    warnings: Sequence[ChurnWarning] = ()
    """Those not yet decided."""
    cases: Sequence[Case] = ()
    """Of each number the latest two: one that is open, and the last that has ended."""

    def holder(self, number: str, at: datetime) -> str:
        """Who `number` was at an instant: itself, or the customer that had absorbed it."""
        while (alias := self.aliases.get(number)) is not None and alias.since <= at:
            number = alias.survivor
        return number

    @property
    def root(self) -> str:
        """The number that has absorbed all others."""
        return self.holder(min(self.numbers), datetime.max.replace(tzinfo=UTC))

    def joined_at(self, one: str, other: str) -> datetime:
        """Since when both numbers have been the same customer."""
        since = ALWAYS
        reached = {one: since}
        while (alias := self.aliases.get(one)) is not None:
            one, since = alias.survivor, max(since, alias.since)
            reached[one] = since
        since = ALWAYS
        while other not in reached:
            alias = self.aliases[other]
            other, since = alias.survivor, max(since, alias.since)
        return max(since, reached[other])
