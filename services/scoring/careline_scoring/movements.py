"""Moves between tiers and tags as they are shown: those of a past month, those of the next days."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal, cast, get_args

from pydantic import BaseModel, Field

from careline_contracts.events.scoring import Tier
from careline_runtime.months import first_days
from careline_scoring.explanation import ChangeView, verdict_changes
from careline_scoring.model import TIERS, Fact
from careline_scoring.queries import Due, Standing
from careline_scoring.rules import Rulebook
from careline_scoring.rules.forecast import decisions_to_come

Flow = dict[str, dict[str, int]]


class TierFlow(BaseModel):
    """Who was in which tier when a month began, and when it ended.

    `new` became customers within it; `merged` were found to be somebody else.
    """

    month: str
    begins_at: datetime
    ends_at: datetime
    customers: int
    """At its end."""
    moved: int
    """Of those who were there all along, how many ended in another tier."""
    flow: Flow
    retention: dict[Tier, Decimal | None]
    """Of those who were in a tier, the share who ended in it or in a better one (KPI-1: core)."""
    begin: dict[Tier, int]
    end: dict[Tier, int]
    moves: int
    """How often anybody moved within it."""
    flaps: int
    """Moves back to the tier that had been left less than 30 business days before."""
    flap_rate: Decimal | None


class Move(BaseModel):
    """What changes about one customer at one instant, if nothing happens until then."""

    customer: str
    at: datetime
    changes: list[ChangeView]


class Forecast(BaseModel):
    """Moves until an instant. `due` customers change in some way; verdicts may stay."""

    from_: datetime = Field(alias="from")
    until: datetime
    due: int
    looked_at: int
    """The first of them, up to the limit that was asked for."""
    summary: dict[str, Flow]
    """By verdict or tag: from, to, how often."""
    moves: list[Move]


def tier_flow(
    month: str,
    begins_at: datetime,
    ends_at: datetime,
    cells: Mapping[tuple[str, str], int],
    moves: int,
    flaps: int,
) -> TierFlow:
    """The flow of a month from how many customers are in each cell of the matrix."""
    flow: Flow = {}
    for (was, now), customers in sorted(cells.items()):
        flow.setdefault(was, {})[now] = customers
    return TierFlow(
        month=month,
        begins_at=begins_at,
        ends_at=ends_at,
        customers=sum(n for (_, now), n in cells.items() if now != "merged"),
        moved=sum(n for (was, now), n in cells.items() if was != now and _stayed(was, now)),
        flow=flow,
        retention={tier: _retention(cells, tier) for tier in get_args(Tier)},
        begin=_distribution(cells, 0),
        end=_distribution(cells, 1),
        moves=moves,
        flaps=flaps,
        flap_rate=Decimal(flaps * 10_000 // moves).scaleb(-4) if moves else None,
    )


def _retention(cells: Mapping[tuple[str, str], int], tier: Tier) -> Decimal | None:
    """Rounded down to four decimals; who was found to be somebody else is neither."""
    ends = {now: n for (was, now), n in cells.items() if was == tier and now != "merged"}
    kept = sum(n for now, n in ends.items() if TIERS.index(cast(Tier, now)) >= TIERS.index(tier))
    return Decimal(kept * 10_000 // sum(ends.values())).scaleb(-4) if ends else None


def _stayed(was: str, now: str) -> bool:
    return was != "new" and now != "merged"


def _distribution(cells: Mapping[tuple[str, str], int], side: Literal[0, 1]) -> dict[Tier, int]:
    return {
        tier: sum(n for cell, n in cells.items() if cell[side] == tier) for tier in get_args(Tier)
    }


def forecast(
    rulebook: Rulebook,
    due: Iterable[Due],
    facts: Mapping[str, list[Fact]],
    *,
    start: datetime,
    days: int,
    in_all: int,
) -> Forecast:
    """The moves of these customers within so many days, by the policy that is in force now."""
    until = start + timedelta(days=days)
    looked_at = list(due)
    moves = [
        move for one in looked_at for move in _moves(rulebook, one, facts[one.number], until=until)
    ]
    counted = Counter((c.what, c.from_, c.to) for move in moves for c in move.changes)
    summary: dict[str, Flow] = {}
    for (what, was, then), times in sorted(counted.items()):
        summary.setdefault(what, {}).setdefault(was, {})[then] = times
    return Forecast(
        **{"from": start},
        until=until,
        due=in_all,
        looked_at=len(looked_at),
        summary=summary,
        moves=sorted(moves, key=lambda move: (move.at, move.customer)),
    )


def _moves(
    rulebook: Rulebook, due: Due, facts: Iterable[Fact], *, until: datetime
) -> Iterator[Move]:
    calendar = rulebook.calendar
    history = rulebook.evidence.history(facts)
    day = calendar.day_of(due.as_of)
    for now, then in decisions_to_come(rulebook, history, day, until=calendar.day_of(until)):
        at = calendar.begins(then.day)
        changes = verdict_changes(now, then)
        if changes and at is not None and at < until:
            yield Move(customer=due.number, at=at, changes=changes)


def month_of(rulebook: Rulebook, month: str) -> tuple[datetime, datetime]:
    """The instants at which a month, `YYYY-MM`, begins and ends in the policy's time zone."""
    first, following = first_days(month)
    begins_at = rulebook.calendar.begins(first.toordinal())
    ends_at = rulebook.calendar.begins(following.toordinal())
    assert begins_at is not None and ends_at is not None
    return begins_at, ends_at


def name_of_month(rulebook: Rulebook, instant: datetime) -> str:
    """The month, `YYYY-MM`, in which an instant lies in the policy's time zone."""
    return f"{date.fromordinal(rulebook.calendar.day_of(instant)):%Y-%m}"


def standings(rows: Iterable[Standing]) -> dict[tuple[str, str], int]:
    """How many customers were in one tier and are in another."""
    return {(row.was or "new", row.now): row.customers for row in rows}
