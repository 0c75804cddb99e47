"""A customer's score as it is shown: to the point, with what changes next and what would help.

Everything is decided anew from the facts, so whoever has the facts and the policy finds the same.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from pydantic import BaseModel, Field

from careline_contracts.events.scoring import Tier
from careline_scoring.model import NEVER, Decision, History, Source, Tags, names_of
from careline_scoring.rules import Rulebook, as_points
from careline_scoring.rules.advice import WayUp, ways_up
from careline_scoring.rules.evidence import Calendar
from careline_scoring.rules.ledger import UNITS, Entry, kinds_of, ledger
from careline_scoring.rules.reasons import VERDICTS, reasons, tag_reasons
from careline_scoring.rules.wording import Language
from careline_scoring.tags import all_of


class SourceView(BaseModel):
    """An event of a ticket or an outreach on which points rest."""

    event: str
    type: str
    day: date
    ticket: str | None


class EvidenceView(BaseModel):
    """What a measure was read from: its value, and the days on which the facts lie."""

    value: int
    unit: str
    """minor_units of the policy's currency, times, days or percent"""
    from_day: date | None
    to_day: date | None
    since: datetime | None
    """The instants between which `from_day` to `to_day` lie, for who asks profile's timeline."""
    until: datetime | None
    kinds: tuple[str, ...]
    """What counted: event types without `careline.` and `.v1`, some with one variant only."""
    sources: list[SourceView]
    """What tickets and outreach told, newest first; touchpoints are in profile's timeline."""


class SegmentView(BaseModel):
    """Where on the curve the value lies: from this value on, below that one."""

    from_value: int | None
    below: int | None


class Contribution(BaseModel):
    """The points of one measure; without evidence they are those that the policy gives for that."""

    dimension: str
    measure: str
    evidence: EvidenceView | None
    curve: SegmentView | None
    points: Decimal
    expires_at: datetime | None
    """When the points change if nothing happens."""


class ChangeView(BaseModel):
    """What will differ: `total`, `tier`, a tag, or the points of a measure."""

    what: str
    from_: str = Field(alias="from")
    to: str


class WayUpView(BaseModel):
    """The least that makes the verdict better: so many orders worth so much, from that day on."""

    verdict: str
    to: str
    orders: int
    amount_minor: int
    currency: str
    from_day: date


class ScoreView(BaseModel):
    """A customer's score as of an instant; the contributions sum to `total` exactly."""

    customer: str
    requested: str
    """What was asked for: an absorbed number, perhaps."""
    version: int
    """Of what was last published, whatever instant was asked for."""
    as_of: datetime
    policy_version: str
    currency: str
    minor_digits: int
    """All amounts are in the currency's minor units, of which a unit has ten to this power."""
    total: Decimal
    dimensions: dict[str, Decimal]
    contributions: list[Contribution]
    tags: dict[str, str | tuple[str, ...]]
    """`value`, `need` and `risk`; those of TAG-4 with all their values."""
    tier: Tier
    reasons: dict[str, list[str]]
    left_out: dict[str, int]
    """Amounts in currencies without a rate: how many were not counted as money."""
    ways_up: list[WayUpView]
    next_change_at: datetime | None
    next_change: list[ChangeView]


def explain(
    rulebook: Rulebook,
    history: History,
    sources: Sequence[Source],
    *,
    as_of: datetime,
    customer: str,
    record: Tags,
    requested: str,
    version: int,
    language: Language,
    advised_at: datetime,
) -> ScoreView:
    """The score of a customer by these facts and this policy.

    Advice is for `advised_at`, as far as what is decided as of `as_of` still holds then: spend
    leaves a window without changing a verdict, and then it takes more of it to lift the tier.
    """
    calendar = rulebook.calendar
    decision = rulebook.decide(history, calendar.day_of(as_of))
    advised_day = max(decision.day, min(calendar.day_of(advised_at), decision.change_day - 1))
    tags = all_of(decision.tags, rulebook.care.with_handling(record))
    return ScoreView(
        customer=customer,
        requested=requested,
        version=version,
        as_of=calendar.local(as_of),
        policy_version=rulebook.version,
        currency=rulebook.policy.money.currency,
        minor_digits=rulebook.policy.money.minor_digits,
        total=as_points(decision.total),
        dimensions=rulebook.dimensions(decision.points),
        contributions=[
            _contribution(rulebook, entry, sources)
            for entry in ledger(rulebook, history, decision.day)
        ],
        tags={
            "value": decision.value,
            "need": decision.need,
            "risk": decision.risk,
            **dict(tags),
        },
        tier=decision.tier,
        reasons={
            verdict: list(reasons(verdict, rulebook, history, decision, language))
            for verdict in VERDICTS
        }
        | {
            tag: list(tag_reasons(tag, rulebook, history, decision, record, language))
            for tag, _ in tags
        },
        left_out=history.left_out,
        ways_up=[_way_up(rulebook, way) for way in ways_up(rulebook, history, advised_day)],
        next_change_at=_begins(calendar, decision.change_day),
        next_change=_next_change(rulebook, history, decision),
    )


def _contribution(rulebook: Rulebook, entry: Entry, sources: Sequence[Source]) -> Contribution:
    calendar = rulebook.calendar
    evidence = None
    if entry.value is not None:
        first, last = entry.days or (None, None)
        kinds = kinds_of(rulebook, entry.measure)
        evidence = EvidenceView(
            value=entry.value,
            unit=UNITS[entry.measure.how],
            from_day=date.fromordinal(first) if first else None,
            to_day=date.fromordinal(last) if last else None,
            since=calendar.begins(first) if first else None,
            until=calendar.begins(last + 1) if last else None,
            kinds=kinds,
            sources=[
                _source(source)
                for source in sources
                if first
                and last
                and first <= source.day <= last
                and not names_of(source.kind).isdisjoint(kinds)
            ],
        )
    return Contribution(
        dimension=entry.dimension,
        measure=entry.measure.measure,
        evidence=evidence,
        curve=SegmentView(**entry.segment._asdict()) if entry.segment else None,
        points=as_points(entry.points),
        expires_at=_begins(calendar, entry.change_day),
    )


def _begins(calendar: Calendar, day: int) -> datetime | None:
    """When a day begins, in local time: whoever reads its date reads the business day."""
    begins = calendar.begins(day)
    return None if begins is None else calendar.local(begins)


def _source(source: Source) -> SourceView:
    return SourceView(
        event=source.event,
        type=f"careline.{source.kind.partition('/')[0]}.v1",
        day=date.fromordinal(source.day),
        ticket=source.ticket,
    )


def verdict_changes(now: Decision, then: Decision) -> list[ChangeView]:
    """Which verdicts and tags differ between two decisions."""
    tags_now, tags_then = dict(now.tags), dict(then.tags)
    return _differences(
        *[(verdict, getattr(now, verdict), getattr(then, verdict)) for verdict in VERDICTS],
        *[
            (tag, ", ".join(tags_now.get(tag, ())), ", ".join(tags_then.get(tag, ())))
            for tag in sorted(tags_now.keys() | tags_then.keys())
        ],
    )


def _differences(*pairs: tuple[str, object, object]) -> list[ChangeView]:
    return [
        ChangeView(what=what, **{"from": str(was), "to": str(will)})
        for what, was, will in pairs
        if was != will
    ]


def _next_change(rulebook: Rulebook, history: History, now: Decision) -> list[ChangeView]:
    """What differs on the change day, by what is known now."""
    if now.change_day == NEVER:
        return []
    then = rulebook.decide(history, now.change_day)
    total = ("total", as_points(now.total), as_points(then.total))
    points = (
        (measure.measure, as_points(before), as_points(after))
        for (_, measure), before, after in zip(
            rulebook.measures, now.points, then.points, strict=True
        )
    )
    return [*_differences(total), *verdict_changes(now, then), *_differences(*points)]


def _way_up(rulebook: Rulebook, way: WayUp) -> WayUpView:
    return WayUpView(
        verdict=way.verdict,
        to=way.to,
        orders=way.orders,
        amount_minor=way.amount_minor,
        currency=rulebook.policy.money.currency,
        from_day=date.fromordinal(way.day),
    )
