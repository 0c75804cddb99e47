"""A stranger's score: docs/scoring.md made into code by someone who had the page and a policy file.

It shares no code with the service, keeps every event as it came, and finds each answer by counting
anew on every day: slow, and short enough to be held beside the page, whose headings it follows.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from math import floor
from typing import Any
from zoneinfo import ZoneInfo

import yaml

EVER = 1_000_000
"""A window longer than any history."""

BEST_FIRST = {
    "value": ("high", "potential", "normal"),
    "risk": ("low", "medium", "high"),
    "tier": ("core", "potential", "basic", "edge"),
}


VARIANTS = {
    "call.completed": "direction",
    "call.missed": "direction",
    "fault.reported": "impact",
    "outreach.answered": "result",
    "ticket.breached": "target",
    "ticket.rated": "score",
    "contract.changed": "change",
}
"""The field of an event that is the variant of its kind."""


class ExactLoader(yaml.SafeLoader):
    """Reads 7.2 as 72/10: all arithmetic is exact."""


ExactLoader.add_constructor("tag:yaml.org,2002:float", lambda _, node: Fraction(node.value))


@dataclass(frozen=True)
class Event:
    """What somebody said about a customer; it states one fact."""

    type: str
    time: datetime
    body: Mapping[str, Any]
    channel: str = ""

    @property
    def kind(self) -> str:
        """The kind of the fact, with its variant where one field of the event matters."""
        name, body = self.type.removeprefix("careline.").removesuffix(".v1"), self.body
        match name:
            case "payment.received":
                return f"{name}/{'late' if body.get('days_late') else 'punctual'}"
            case "referral.made":
                return f"{name}/{'converted' if body.get('converted') else 'open'}"
            case "survey.answered":
                return f"{name}/{body['survey']}-{body['score']}"
        return f"{name}/{body[VARIANTS[name]]}" if name in VARIANTS else name

    def is_any_of(self, kinds: Iterable[str]) -> bool:
        """Whether a policy that lists these kinds means this one; without variant it means all."""
        return not {self.kind, self.kind.partition("/")[0]}.isdisjoint(kinds)


@dataclass(frozen=True)
class Decision:
    """What the page says about a customer on one day."""

    points: dict[str, Fraction]
    value: str
    need: str
    risk: str
    tier: str
    tags: dict[str, set[str]]

    @property
    def total(self) -> Fraction:
        """The score is the sum of the points of all measures."""
        return sum(self.points.values(), Fraction())


class Stranger:
    """One customer's events, read by one policy; each answer is as of a day."""

    def __init__(
        self, policy: str, events: Iterable[Event], record: Mapping[str, Sequence[str]]
    ) -> None:
        """`policy` is the text of the file, `record` the attributes on `careline.customers.v1`."""
        self.policy: Any = yaml.load(policy, ExactLoader)  # noqa: S506 (a safe loader's child)
        self.record = record
        zone = ZoneInfo(self.policy["time_zone"])
        self.facts = [(event.time.astimezone(zone), event) for event in events]
        named = dict(self.policy["evidence"])
        self.kinds: dict[str, list[str]] = named.pop("other") | named
        self.evidence = {
            name: [(at.date(), event) for at, event in self.facts if event.is_any_of(kinds)]
            for name, kinds in self.kinds.items()
        }

    # --- Ground rules: a window of W days as of D is the days D-W+1 … D

    def told(self, name: str, window: int, day: date) -> list[tuple[date, Event]]:
        """The facts in the window that are evidence of this."""
        return [(on, event) for on, event in self.evidence[name] if 0 <= (day - on).days < window]

    def count(self, name: str, window: int, day: date) -> int:
        """How many there are."""
        return len(self.told(name, window, day))

    def days(self, name: str, window: int, day: date) -> list[date]:
        """On which days there are any, in order."""
        return sorted({on for on, _ in self.told(name, window, day)})

    # --- Money

    def worth(self, event: Event) -> Fraction:
        """An amount in the policy's currency, unrounded; left out where there is no rate."""
        money = self.policy["money"]
        rates = {**money["rates"], money["currency"]: 1}
        return Fraction(event.body["amount_minor"] * rates.get(event.body["currency"], 0))

    def net_spend(self, window: int, day: date) -> Fraction:
        """Purchases less refunds, each on its own day."""
        bought = (self.worth(event) for _, event in self.told("purchase", window, day))
        returned = (self.worth(event) for _, event in self.told("refund", window, day))
        return Fraction(sum(bought) - sum(returned))

    # --- SCO-1: the score

    def points(self, day: date) -> dict[str, Fraction]:
        """Of every measure; in a group each is cut to what the ones before it have left."""
        points = {}
        for dimension in self.policy["score"].values():
            left = {name: group["at_most"] for name, group in dimension.get("groups", {}).items()}
            for measure in dimension["measures"]:
                own = self.own_points(measure, day)
                if group := measure.get("group"):
                    own = min(own, left[group])
                    left[group] -= own
                points[measure["measure"]] = own
        return points

    def own_points(self, measure: Any, day: date) -> Fraction:
        """What the curve of a measure gives, or its `missing`."""
        value = self.measured(measure, day)
        if value is None:
            return Fraction(measure["missing"]["points"])
        return along(measure["line"], value) if "line" in measure else up(measure["steps"], value)

    def measured(self, measure: Any, day: date) -> Fraction | None:
        """The value of a measure; None where there is no evidence."""
        window = measure.get("window_days", EVER)
        orders = self.count("purchase", window, day)
        match measure["how"]:
            case "net_spend":
                is_known = orders or self.count("refund", window, day)
                return self.net_spend(window, day) if is_known else None
            case "average_order":
                return self.net_spend(window, day) / orders if orders else None
            case "count":
                return Fraction(self.count(measure["of"], window, day)) or None
            case "repurchases":
                return Fraction(self.repurchases(window, day)) if orders else None
            case "tenure":
                contacts = self.days("contact", EVER, day)
                return Fraction((day - contacts[0]).days) if contacts else None
            case "share":
                part, of = (self.count(measure[name], window, day) for name in ("part", "of"))
                return percent(part, of)
            case "answered":
                return self.answered(measure, day)
        raise ValueError(measure["how"])

    def repurchases(self, window: int, day: date) -> int:
        """Purchases in the window, without the customer's first purchase ever."""
        inside, ever = self.days("purchase", window, day), self.days("purchase", EVER, day)
        return self.count("purchase", window, day) - (ever[:1] == inside[:1] != [])

    def answered(self, measure: Any, day: date) -> Fraction | None:
        """Of the days of questions, how many were answered in time; who has time yet is out."""
        patience = timedelta(days=measure["within_days"])
        replies = self.days(measure["by"], EVER, day)
        asked = self.days(measure["of"], measure["window_days"], day)
        answered = {on for on in asked for reply in replies if on <= reply <= on + patience}
        counted = answered | {on for on in asked if day > on + patience}
        return percent(len(answered), len(counted))

    # --- TAG-1: value

    def value(self, day: date) -> str:
        """By the exact total of one day."""
        line, total = self.policy["tags"]["value"], sum(self.points(day).values())
        if total >= line["high_at_least"]:
            return "high"
        return "potential" if total >= line["potential_at_least"] else "normal"

    # --- TAG-2: need

    def need(self, day: date) -> str:
        """The first that holds."""
        rule = self.policy["tags"]["need"]
        frequent, latent = rule["active"], rule["latent"]["window_days"]
        first_fact = min((at.date() for at, _ in self.facts), default=day)
        if self.silence(day, without_contact=first_fact) >= rule["dormant"]["silent_days"]:
            return "dormant"
        if self.count("enquiry", frequent["window_days"], day) >= frequent["at_least"]:
            return "active"
        if self.count("interest", latent, day) and not self.count("purchase", latent, day):
            return "latent"
        return "none"

    def silence(self, day: date, *, without_contact: date) -> int:
        """Days since the last contact or, without any, since another day."""
        return (day - (self.days("contact", EVER, day) or [without_contact])[-1]).days

    # --- TAG-3: risk

    def risk(self, day: date) -> str:
        """The worse of two signs on one day."""
        rule = self.policy["tags"]["risk"]
        fall, complaints = rule["spend_fall"], rule["complaints"]
        fallen = self.fallen(fall, day)
        complained = self.count("complaint", complaints["window_days"], day)
        for level in ("high", "medium"):
            if fallen >= fall[f"{level}_percent"] or complained >= complaints[f"{level}_at_least"]:
                return level
        return "low"

    def fallen(self, rule: Any, day: date) -> Fraction:
        """By how many percent spend is less than before; 0 where before was too little."""
        window = rule["window_days"]
        now, before = (self.net_spend(window, on) for on in (day, day - timedelta(days=window)))
        enough = before >= rule["minimum_previous_minor"]
        return 100 * (before - now) / before if enough else Fraction()

    # --- TAG-4: base tags and preferences

    def tags(self, day: date) -> dict[str, set[str]]:
        """Those that are carried, each with its values."""
        care, rules = self.record.get("special_care", ()), self.policy["tags"]
        ways = rules.get("care", {})
        found = {
            "life_cycle": [self.life_cycle(day)],
            **{name: self.record.get(name, ()) for name in ("party", "side", "region", "industry")},
            "care": care,
            "handling": [way for name in care for way in ways.get(name, ())],
            **{
                name: self.preferred(name, rule, day) for name, rule in rules["preferences"].items()
            },
        }
        return {name: set(values) for name, values in found.items() if values}

    def life_cycle(self, day: date) -> str:
        """A prospect until the first purchase ever; then by how long the silence is."""
        bought = self.days("purchase", EVER, day)
        if not bought:
            return "prospect"
        silence = self.silence(day, without_contact=bought[-1])
        until = self.policy["tags"]["life_cycle"]["dormant"]["silent_days"]
        return "dormant" if silence >= until else "active"

    def preferred(self, name: str, rule: Any, day: date) -> list[str]:
        """The values that occurred often enough in the window; each fact counts once."""
        kinds = [kind for of in rule["of"] for kind in self.kinds[of]]
        occurred = Counter(
            part_of_day(rule["parts"], at) if name == "part_of_day" else habit(name, event)
            for at, event in self.facts
            if event.is_any_of(kinds) and 0 <= (day - at.date()).days < rule["window_days"]
        )
        return [value for value, times in occurred.items() if value and times >= rule["at_least"]]

    # --- TIER-1: value x stickiness

    def raw_tier(self, day: date) -> str:
        """What the matrix says on one day."""
        rule = self.policy["tier"]
        spent = self.net_spend(rule["value"]["window_days"], day)
        again = self.repurchases(rule["stickiness"]["window_days"], day)
        if spent >= rule["value"]["high_at_least_minor"]:
            value = "high"
        else:
            value = "mid" if spent >= rule["value"]["mid_at_least_minor"] else "low"
        stickiness = "high" if again >= rule["stickiness"]["high_at_least"] else "low"
        return str(rule["matrix"][value][stickiness])

    # --- TIME-1, and everything of a day

    def decide(self, day: date) -> Decision:
        """The points of all measures, three tags, the tier and the tags of TAG-4."""
        tags = self.policy["tags"]
        return Decision(
            points=self.points(day),
            value=best("value", map(self.value, held(tags["value"], day))),
            need=self.need(day),
            risk=worst("risk", map(self.risk, held(tags["risk"], day))),
            tier=best("tier", map(self.raw_tier, held(self.policy["tier"], day))),
            tags=self.tags(day),
        )

    def next_change(self, day: date, *, horizon: int) -> date | None:
        """The first later day, within so many, on which anything differs."""
        now = self.decide(day)
        later = (day + timedelta(days=ahead) for ahead in range(1, horizon + 1))
        return next((on for on in later if self.decide(on) != now), None)


def habit(name: str, event: Event) -> str:
    """The channel through which an event came, or the product that it names."""
    return event.channel if name == "channel" else str(event.body.get("product", ""))


def part_of_day(parts: Any, local: datetime) -> str:
    """From the first hour until before the second; no preference at other hours."""
    return next((name for name, (start, end) in parts.items() if start <= local.hour < end), "")


def up(steps: Any, value: Fraction) -> Fraction:
    """The points of the last step that the value reaches; 0 below the first."""
    reached = [step["points"] for step in steps if value >= step["at_least"]]
    return Fraction(reached[-1] if reached else 0)


def along(line: Any, value: Fraction) -> Fraction:
    """In proportion between two corners, rounded down to hundredths."""
    if value < line[0]["at"]:
        return Fraction()
    for low, high in pairwise(line):
        if value < high["at"]:
            slope = Fraction(high["points"] - low["points"]) / (high["at"] - low["at"])
            return Fraction(floor(100 * (low["points"] + (value - low["at"]) * slope)), 100)
    return Fraction(line[-1]["points"])


def percent(part: int, whole: int) -> Fraction | None:
    """Rounded down; None of nothing."""
    return Fraction(100 * part // whole) if whole else None


def held(rule: Any, day: date) -> list[date]:
    """The days D-N+1 … D."""
    return [day - timedelta(days=ago) for ago in range(rule.get("hold_days", 1))]


def best(verdict: str, of_days: Iterable[str]) -> str:
    """The best of the held days."""
    return min(of_days, key=BEST_FIRST[verdict].index)


def worst(verdict: str, of_days: Iterable[str]) -> str:
    """The worst of the held days."""
    return max(of_days, key=BEST_FIRST[verdict].index)
