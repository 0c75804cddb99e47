"""What scoring says when a decision differs: each changed verdict with its reasons, then the score.

Ids are made of a customer's number and counters, so every replay says the same under the same
names. `version` counts changes of verdicts without a gap; the score carries the last.
"""

from datetime import datetime
from typing import Any, Literal

from careline_contracts.envelope import Envelope
from careline_contracts.events.scoring import (
    Changed,
    RiskChanged,
    ScoreUpdated,
    TagChanged,
    TierChanged,
)
from careline_contracts.topics import RISK_CHANGES, SCORES, TAG_CHANGES, TIER_CHANGES, Topic
from careline_runtime.unit_of_work import Unit
from careline_scoring.book import Customer
from careline_scoring.model import Decision
from careline_scoring.rules import Rulebook, as_points
from careline_scoring.rules.reasons import reasons

VerdictName = Literal["tier", "value", "need", "risk"]

SAID_ON: dict[VerdictName, Topic] = {
    "tier": TIER_CHANGES,
    "value": TAG_CHANGES,
    "need": TAG_CHANGES,
    "risk": RISK_CHANGES,
}
"""Each verdict's topic, in the order in which changes are said."""


def announce_changes(
    unit: Unit,
    rulebook: Rulebook,
    customer: Customer,
    decision: Decision,
    *,
    as_of: datetime,
    cause: Envelope | None,
) -> list[VerdictName]:
    """Says each verdict that differs from what was said before; returns which did."""
    before, changed = customer.published, []
    for verdict, topic in SAID_ON.items():
        was, now = getattr(before, verdict, None), getattr(decision, verdict)
        if was == now:
            continue
        changed.append(verdict)
        customer.version += 1
        change = _change(
            verdict,
            {
                "customer": customer.number,
                "version": customer.version,
                "as_of": as_of,
                "reasons": reasons(verdict, rulebook, customer.history, decision),
                "policy_version": rulebook.version,
                "from_": was,
                "to": now,
            },
        )
        unit.say(
            topic,
            change,
            key=customer.number,
            id=f"{customer.number}-{customer.version}-{verdict}",
            recorded_at=as_of,
            cause=cause,
        )
    return changed


def announce_score(
    unit: Unit,
    rulebook: Rulebook,
    customer: Customer,
    *,
    as_of: datetime,
    cause: Envelope | None,
) -> None:
    """Says the customer's decision as a whole."""
    published = customer.published
    assert published is not None
    customer.revision += 1
    score = ScoreUpdated(
        customer=customer.number,
        version=customer.version,
        as_of=as_of,
        total=as_points(sum(published.points)),
        dimensions=rulebook.dimensions(published.points),
        value=published.value,
        need=published.need,
        risk=published.risk,
        tier=published.tier,
        policy_version=published.policy_version,
        next_change_at=published.next_change_at,
        merged_into=customer.merged_into,
    )
    unit.say(
        SCORES,
        score,
        key=customer.number,
        id=f"{customer.number}-{customer.revision}-score",
        recorded_at=as_of,
        cause=cause,
    )


def _change(verdict: VerdictName, fields: dict[str, Any]) -> Changed:
    match verdict:
        case "tier":
            return TierChanged(**fields)
        case "risk":
            return RiskChanged(**fields)
        case tag:
            return TagChanged(tag=tag, **fields)
