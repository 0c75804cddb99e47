"""Scoring's changes of a customer are followed in their order, whichever topic brings them first.

Tier, tag and risk come on three topics, which have no order among each other; but one `version`
counts all changes of a customer without a gap. A change that is early waits for those before it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, NamedTuple, cast

from careline_contracts.events.scoring import TagName, Tier
from careline_engagement.model import ChurnWarning
from careline_engagement.policy import Trigger

Verdict = Literal["tier", "value", "need", "risk"] | TagName

WARNINGS: dict[tuple[Verdict, str], Trigger] = {
    ("risk", "high"): "risk_high",
    ("need", "dormant"): "need_dormant",
}
"""Which change of which verdict is a warning."""


class Change(NamedTuple):
    """One verdict of scoring that became another."""

    version: int
    at: datetime
    verdict: Verdict
    to: str
    reasons: tuple[str, ...]
    event_id: str
    traceparent: str = ""


@dataclass(frozen=True)
class Standing:
    """How far scoring's changes of a customer have been followed."""

    number: str
    version: int = 0
    tier: Tier | None = None
    early: tuple[Change, ...] = ()
    """Ascending; a change before the first of them is missing."""

    def skip_missing(self) -> "Standing":
        """Gives up waiting for what comes before the first early change."""
        return replace(self, version=self.early[0].version - 1) if self.early else self


def follow(standing: Standing, heard: Iterable[Change] = ()) -> tuple[Standing, list[ChurnWarning]]:
    """Follows every change whose turn it is; what was followed before is not followed again."""
    waiting = {change.version: change for change in (*standing.early, *heard)}
    version, tier = standing.version, standing.tier
    warnings: list[ChurnWarning] = []
    while (change := waiting.get(version + 1)) is not None:
        version = change.version
        if change.verdict == "tier":
            tier = cast(Tier, change.to)
        elif trigger := WARNINGS.get((change.verdict, change.to)):
            warnings.append(
                ChurnWarning(
                    standing.number,
                    version,
                    change.at,
                    trigger,
                    tier,
                    change.reasons,
                    change.event_id,
                    change.traceparent,
                )
            )
    early = tuple(change for number, change in sorted(waiting.items()) if number > version)
    return Standing(standing.number, version, tier, early), warnings
