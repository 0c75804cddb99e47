"""What scoring says when a decision differs: each changed verdict with its reasons, then the score.

Ids are made of a customer's number and counters, so every replay says the same under the same
names. `version` counts changes of verdicts without a gap; the score carries the last.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any, Literal, NamedTuple, get_args

from careline_contracts.envelope import Envelope
from careline_contracts.events.scoring import (
    Changed,
    RiskChanged,
    ScoreUpdated,
    TagChanged,
    TagName,
    TagsChanged,
    TierChanged,
)
from careline_contracts.topics import RISK_CHANGES, SCORES, TAG_CHANGES, TIER_CHANGES, Topic
from careline_runtime.unit_of_work import Unit
from careline_scoring.book import Customer, Published
from careline_scoring.model import Decision
from careline_scoring.rules import Rulebook, as_points
from careline_scoring.rules.reasons import reasons, tag_reasons

VerdictName = Literal["tier", "value", "need", "risk"]
Event = Callable[..., Changed]

SAID_ON: dict[VerdictName, tuple[Topic, Event]] = {
    "tier": (TIER_CHANGES, TierChanged),
    "value": (TAG_CHANGES, partial(TagChanged, tag="value")),
    "need": (TAG_CHANGES, partial(TagChanged, tag="need")),
    "risk": (RISK_CHANGES, RiskChanged),
}
"""Each verdict's topic and event, in the order in which changes are said."""

TAGS: tuple[TagName, ...] = get_args(TagName)
"""They are said after the verdicts, on the topic of tags."""


class Change(NamedTuple):
    """A verdict, or a tag, that differs from what was said before."""

    name: VerdictName | TagName
    topic: Topic
    event: Event
    was: Any
    now: Any
    why: tuple[str, ...]


def announce_changes(
    unit: Unit,
    customer: Customer,
    decision: Decision,
    published: Published,
    *,
    as_of: datetime,
    cause: Envelope | None,
) -> list[str]:
    """Says each verdict and tag that differs from what was said before; returns which did."""
    changed: list[str] = []
    for name, topic, event, was, now, why in _changes(customer, decision, published):
        changed.append(name)
        customer.version += 1
        change = event(
            customer=customer.number,
            version=customer.version,
            as_of=as_of,
            reasons=why,
            policy_version=published.policy_version,
            from_=was,
            to=now,
        )
        unit.say(
            topic,
            change,
            key=customer.number,
            id=f"{customer.number}-{customer.version}-{name}",
            recorded_at=as_of,
            cause=cause,
        )
    return changed


def _changes(customer: Customer, decision: Decision, published: Published) -> Iterator[Change]:
    before, rulebook, history = customer.published, customer.rulebook, customer.history
    for verdict, (topic, event) in SAID_ON.items():
        was, now = getattr(before, verdict, None), getattr(decision, verdict)
        if was != now:
            why = reasons(verdict, rulebook, history, decision)
            yield Change(verdict, topic, event, was, now, why)
    tags_before = before.tags if before else ()
    if tags_before != published.tags:
        were, are = dict(tags_before), dict(published.tags)
        for tag in TAGS:
            if were.get(tag) != are.get(tag):
                why = tag_reasons(tag, rulebook, history, decision)
                event = partial(TagsChanged, tag=tag)
                yield Change(tag, TAG_CHANGES, event, were.get(tag, ()), are.get(tag, ()), why)


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
