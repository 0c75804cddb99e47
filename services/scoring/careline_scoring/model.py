"""What is known about a customer: counts and amounts per day, which may arrive in any order.

Days are proleptic Gregorian ordinals (`date.toordinal`) of the policy's time zone, so that windows
are subtractions. Amounts are whole ten-thousandths of the policy currency's minor unit: exact
after conversion, and sums commute.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar, get_args

from careline_contracts.events.scoring import Need, Risk, TagName, Tier, Value
from careline_contracts.events.ticketing import Target
from careline_contracts.payload import short_type

NEVER = 2**31
"""A change day that does not come."""

FIRST_CONTACT = "first contact"
"""Evidence that comes once, or again with a late event of an earlier day."""

HABIT = "habit"
"""Evidence of something that occurred often enough to be a preference, or once more."""

NO_HOUR = -1
"""Of facts that were kept before hours were."""

AMOUNT_SCALE = 10_000
"""Conversion rates have at most four decimals, so converted amounts are whole numbers of these."""


TIERS: tuple[Tier, ...] = ("edge", "basic", "potential", "core")
"""From worst to best."""


Tags = tuple[tuple[TagName, tuple[str, ...]], ...]
"""Tags of TAG-4 with their values in alphabetical order; those without any are left out."""


class Fact(NamedTuple):
    """A bucket: how often something happened in an hour of a day, and for how much money in all.

    `kind` is the CloudEvents type without `careline.` and `.v1`, with `/variant` where a field
    of the event tells two kinds apart: `purchase.completed`, `call.completed/inbound`.
    """

    day: int
    kind: str
    currency: str
    times: int
    amount_minor: int
    channel: str = ""
    product: str = ""
    hour: int = NO_HOUR
    """Of the business day."""


class Source(NamedTuple):
    """An event that told a fact of which no customer's timeline knows; the ticket it was about."""

    event: str
    kind: str
    day: int
    ticket: str | None = None


def _punctuality(body: Mapping[str, Any]) -> str:
    return "late" if body.get("days_late") else "punctual"


def _conversion(body: Mapping[str, Any]) -> str:
    return "converted" if body.get("converted") else "open"


def _rating(body: Mapping[str, Any]) -> str:
    return f"{body.get('survey', '')}-{body.get('score', '')}"


_UP_TO_TEN = tuple(str(score) for score in range(11))


def _field(name: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda body: str(body.get(name, ""))


VARIANTS: dict[str, tuple[tuple[str, ...], Callable[[Mapping[str, Any]], str]]] = {
    "call.completed": (("inbound", "outbound"), _field("direction")),
    "call.missed": (("inbound", "outbound"), _field("direction")),
    "fault.reported": (("system_down", "function_broken", "question"), _field("impact")),
    "payment.received": (("punctual", "late"), _punctuality),
    "referral.made": (("open", "converted"), _conversion),
    "outreach.answered": (
        ("delivered", "read", "replied", "failed", "opted_out"),
        _field("result"),
    ),
    "survey.answered": (
        tuple(f"{survey}-{score}" for survey in ("nps", "csat") for score in _UP_TO_TEN),
        _rating,
    ),
    "ticket.breached": (get_args(Target), _field("target")),
    "ticket.rated": (_UP_TO_TEN, _field("score")),
    "contract.changed": (("signed", "renewed", "amended", "terminated"), _field("change")),
}
"""Kinds that a field of the event splits: the variants there are, and how to read one."""


def variants_of(name: str) -> tuple[str, ...]:
    """The variants of a kind that is split; none of any other."""
    return VARIANTS[name][0] if name in VARIANTS else ()


def kind_of(event_type: str, body: Mapping[str, Any]) -> str:
    """The kind under which the fact that an event states is kept."""
    name = short_type(event_type)
    split = VARIANTS.get(name)
    return f"{name}/{split[1](body)}" if split else name


def names_of(kind: str) -> set[str]:
    """How a policy may name a kind: itself, or without its variant, which means all of them."""
    return {kind, kind.partition("/")[0]}


def concrete(kind: str) -> tuple[str, ...]:
    """The kinds under which facts are kept that a policy means by `kind`."""
    return tuple(f"{kind}/{variant}" for variant in variants_of(kind)) or (kind,)


class Series:
    """Cumulated counts and amounts over ascending days.

    `counts[i]` is everything before `days[i]`, so a window is a difference of two entries.
    """

    __slots__ = ("amounts", "counts", "days", "falls")

    def __init__(self) -> None:
        self.days: list[int] = []
        self.counts = [0]
        self.amounts = [0]
        self.falls = False
        """Whether any day took something back: then less time may mean more."""

    def begins_after(self, day: int) -> bool:
        """Whether there is nothing on that day or before."""
        return not self.days or day < self.days[0]

    def add(self, day: int, count: int, amount: int) -> None:
        """Adds to a day; the order of calls does not matter."""
        days, counts, amounts = self.days, self.counts, self.amounts
        if amount < 0:
            self.falls = True
        if not days or days[-1] < day:
            days.append(day)
            counts.append(counts[-1] + count)
            amounts.append(amounts[-1] + amount)
            return
        index = len(days) - 1 if days[-1] == day else bisect_left(days, day)
        if days[index] != day:
            days.insert(index, day)
            counts.insert(index + 1, counts[index])
            amounts.insert(index + 1, amounts[index])
        for later in range(index + 1, len(counts)):
            counts[later] += count
            amounts[later] += amount
        if count < 0 and counts[index + 1] == counts[index]:
            # all of the day was taken back: there is no evidence on it
            del days[index], counts[index + 1], amounts[index + 1]

    def count(self, after: int, until: int) -> int:
        """How often on the days after `after` up to `until`."""
        days = self.days
        return self.counts[bisect_right(days, until)] - self.counts[bisect_right(days, after)]

    def amount(self, after: int, until: int) -> int:
        """How much on the days after `after` up to `until`."""
        days = self.days
        return self.amounts[bisect_right(days, until)] - self.amounts[bisect_right(days, after)]

    def absorb(self, other: "Series") -> None:
        """Adds all days of another series."""
        for index, day in enumerate(other.days):
            self.add(
                day,
                other.counts[index + 1] - other.counts[index],
                other.amounts[index + 1] - other.amounts[index],
            )
        self.falls = self.falls or other.falls

    def until(self, day: int) -> "Series":
        """The same without the days after `day`."""
        found, end = Series(), bisect_right(self.days, day)
        found.days = self.days[:end]
        found.counts, found.amounts = self.counts[: end + 1], self.amounts[: end + 1]
        found.falls = self.falls
        return found

    def last_day(self, until: int) -> int | None:
        """The last day up to `until`."""
        days = self.days
        if days and days[-1] <= until:
            return days[-1]
        index = bisect_right(days, until)
        return days[index - 1] if index else None


class Known:
    """What the rules answered lately: each answer holds until new evidence or its change day."""

    __slots__ = ("answers", "change_days", "day", "new_evidence", "next_change_day")

    def __init__(self, answers: Sequence[Any], change_days: Sequence[int]) -> None:
        self.answers = list(answers)
        self.change_days = list(change_days)
        self.next_change_day = min(self.change_days)
        self.day = 0
        self.new_evidence: set[str] = set()
        """What has come since; the answers that rest on it no longer hold."""


Habits = dict[str, tuple[int, ...]]
"""By value, the days on which it occurred: ascending, once for each time.

Tuples, for the garbage collector looks at every list again and again.
"""


class History:
    """All facts of one customer, arranged by what the policy counts them as.

    Filled by `Evidence.fold`, which knows the policy; merging two customers folds the facts of
    both. `first_day` and `last_day` are of any fact; `left_out` counts amounts without a
    conversion rate.
    """

    __slots__ = ("first_day", "habits", "known", "last_day", "left_out", "money", "series")

    def __init__(self) -> None:
        self.series: dict[str, Series] = {}
        self.habits: tuple[Habits, Habits, Habits] = ({}, {}, {})
        """Of channel, product and part of the day."""
        self.money = Series()
        """Purchases less returns; its counts are purchases only."""
        self.first_day = NEVER
        self.last_day = 0
        self.left_out: dict[str, int] = {}
        self.known: Known | None = None
        """What was decided by these facts before."""

    def absorb(self, other: "History") -> None:
        """Adds all facts of another history."""
        self.money.absorb(other.money)
        for name, series in other.series.items():
            self.series.setdefault(name, Series()).absorb(series)
        for mine, habits in zip(self.habits, other.habits, strict=True):
            for value, days in habits.items():
                mine[value] = tuple(sorted(mine.get(value, ()) + days))
        self.first_day = min(self.first_day, other.first_day)
        self.last_day = max(self.last_day, other.last_day)
        self.known = None
        for currency, times in other.left_out.items():
            self.left_out[currency] = self.left_out.get(currency, 0) + times

    def until(self, day: int) -> "History":
        """What was known when nothing after `day` had happened."""
        found = History()
        found.series = {name: series.until(day) for name, series in self.series.items()}
        found.money = self.money.until(day)
        for known, habits in zip(found.habits, self.habits, strict=True):
            known |= {value: days[: bisect_right(days, day)] for value, days in habits.items()}
        found.first_day, found.last_day = self.first_day, min(self.last_day, day)
        found.left_out = self.left_out
        return found


EMPTY = Series()
"""Stands for evidence that there is none of; never added to."""


class Reading(NamedTuple):
    """What one measure says on one day."""

    value: int | None
    """None when there is no evidence; points then come from the policy's `missing`."""
    points: int
    """Hundredths."""
    change_day: int
    """The first later day on which `points` differ if nothing happens."""


Name = TypeVar("Name", bound=str)


class Verdict(NamedTuple, Generic[Name]):
    """What a rule decides on one day, and the first later day on which it decides otherwise."""

    name: Name
    change_day: int


class Decision(NamedTuple):
    """Score, tags and tier on one day, with everything that may differ tomorrow."""

    day: int
    points: tuple[int, ...]
    """Hundredths per measure, in the policy's order."""
    total: int
    value: Value
    need: Need
    risk: Risk
    tier: Tier
    tags: Tags
    """Life cycle and preferences; what the record says is no decision."""
    change_day: int
    """The first later day on which a measure's points, a tag or the tier differ."""
