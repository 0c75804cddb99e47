"""What scoring says when a decision differs: what it changed, as a whole and in parts; the score.

Ids are made of a customer's number and counters, so every replay says the same under the same
names. `version` counts decisions that changed a verdict, without a gap; the score carries the last.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Literal, get_args

from careline_contracts.events.scoring import (
    Became,
    Decided,
    RiskChanged,
    ScoreUpdated,
    TagName,
    TagsChanged,
    TierChanged,
    VerdictName,
    VerdictsChanged,
)
from careline_contracts.topics import (
    RISK_CHANGES,
    SCORE_CHANGES,
    SCORES,
    TAG_CHANGES,
    TIER_CHANGES,
    Topic,
)
from careline_runtime.unit_of_work import Cause, Unit
from careline_scoring.book import Customer, Published
from careline_scoring.model import Decision
from careline_scoring.rules import Rulebook, as_points
from careline_scoring.rules.reasons import in_both, reasons, tag_reasons

VERDICTS: tuple[Literal["tier", "value", "need", "risk"], ...] = ("tier", "value", "need", "risk")
TAGS: tuple[TagName, ...] = get_args(TagName)

Changes = Mapping[VerdictName, Became]


def announce_changes(
    unit: Unit,
    customer: Customer,
    decision: Decision,
    published: Published,
    *,
    as_of: datetime,
    cause: Cause | None,
) -> Collection[VerdictName]:
    """Says what differs from what was said before; returns the names of what does."""
    changes = _changes(customer, decision, published)
    if not changes:
        return ()
    customer.version += 1
    version = customer.version
    decided: dict[str, Any] = {
        "customer": customer.number,
        "version": version,
        "as_of": as_of,
        "policy_version": published.policy_version,
    }

    def say(topic: Topic, change: Decided, part: str, subject: str = "") -> None:
        id = f"{customer.number}-{version}-{part}"
        unit.say(
            topic,
            change,
            key=customer.number,
            id=id,
            recorded_at=as_of,
            cause=cause,
            subject=subject,
        )

    whole = VerdictsChanged(**decided, changes=changes)
    say(SCORE_CHANGES, whole, "verdicts", subject=",".join(changes))
    last = customer.last_said
    if tier := changes.get("tier"):
        decided["previous_version"] = last.tier
        say(TIER_CHANGES, TierChanged(**decided, **dict(tier)), "tier")
        last = last._replace(tier=version)
    if tags := {name: one for name, one in changes.items() if name not in ("tier", "risk")}:
        decided["previous_version"] = last.tags
        say(TAG_CHANGES, TagsChanged(**decided, changes=tags), "tags", subject=",".join(tags))
        last = last._replace(tags=version)
    if risk := changes.get("risk"):
        decided["previous_version"] = last.risk
        say(RISK_CHANGES, RiskChanged(**decided, **dict(risk)), "risk")
        last = last._replace(risk=version)
    customer.last_said = last
    return changes.keys()


def _changes(customer: Customer, decision: Decision, published: Published) -> Changes:
    """What became of each verdict and tag that is another one now, in the contract's order."""
    before, rulebook, history = customer.published, customer.rulebook, customer.history
    changes: dict[VerdictName, Became] = {}
    for verdict in VERDICTS:
        was, now = getattr(before, verdict, None), getattr(decision, verdict)
        if was != now:
            why = in_both(partial(reasons, verdict, rulebook, history, decision))
            changes[verdict] = Became(from_=was, to=now, reasons=why)
    tags_before = before.tags if before else ()
    if tags_before != published.tags:
        were, are = dict(tags_before), dict(published.tags)
        for tag in TAGS:
            if were.get(tag) != are.get(tag):
                why = in_both(
                    partial(tag_reasons, tag, rulebook, history, decision, customer.record)
                )
                changes[tag] = Became(from_=were.get(tag, ()), to=are.get(tag, ()), reasons=why)
    return changes


def announce_score(
    unit: Unit,
    rulebook: Rulebook,
    customer: Customer,
    *,
    as_of: datetime,
    cause: Cause | None,
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
        tags=dict(published.tags),
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
