"""Two policies side by side: who moves from where to where and why, and what each would set off.

Sums of customers, so that parts that were compared apart add up to the whole.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from careline_contracts.events.scoring import TagName
from careline_scoring.backtest.course import Course, Playbook
from careline_scoring.model import Tags
from careline_scoring.rules import Rulebook, as_points
from careline_scoring.rules.reasons import VERDICTS, reasons
from careline_scoring.rules.wording import Language

MOST_SAMPLES = 20
LANGUAGES: tuple[Language, ...] = ("en", "zh")

Side = Literal["live", "candidate"]
SIDES: tuple[Side, Side] = ("live", "candidate")


class Cause(NamedTuple):
    """Why a tier differs: the class that the candidate sees otherwise, the matrix, or holding."""

    kind: Literal["value", "stickiness", "matrix", "holding"]
    live: str
    candidate: str


class Sample(NamedTuple):
    """One of those who move, to look at."""

    customer: str
    live: str
    candidate: str
    live_points: Decimal
    candidate_points: Decimal
    reasons: dict[Side, dict[Language, list[str]]]


@dataclass
class Comparison:
    """What is counted; `add` takes one customer, `merge` another part."""

    playbooks: Sequence[Playbook]
    customers: int = 0
    scores_changed: int = 0
    points: Counter[Side] = field(default_factory=Counter)
    """Hundredths, of all customers together."""
    flows: dict[str, Counter[tuple[str, str]]] = field(
        default_factory=lambda: {verdict: Counter() for verdict in VERDICTS}
    )
    """For each verdict, how many have which by the live policy and by the candidate."""
    then: Counter[tuple[Side, str, str]] = field(default_factory=Counter)
    """Side, verdict and name: how many had it on the first day."""
    triggered: Counter[tuple[Side, str]] = field(default_factory=Counter)
    """Side and what it set off: how often."""
    measures: Counter[tuple[str, int]] = field(default_factory=Counter)
    """Measures that give others points, and whether fewer (-1) or more (1): to how many."""
    tags: Counter[tuple[TagName, str, int]] = field(default_factory=Counter)
    """Values of tags of TAG-4 that the candidate gives (1) or no longer gives (-1): to how many."""
    causes: Counter[Cause] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)

    @property
    def moved(self) -> int:
        """How many are in another tier."""
        return sum(n for (live, candidate), n in self.flows["tier"].items() if live != candidate)

    def now(self, side: Side, verdict: str) -> Counter[str]:
        """How many have what on the last day."""
        counted: Counter[str] = Counter()
        for pair, customers in self.flows[verdict].items():
            counted[pair[SIDES.index(side)]] += customers
        return counted

    def add(
        self,
        number: str,
        rulebooks: Sequence[Rulebook],
        courses: Sequence[Course],
        *,
        day: int,
        record: Tags = (),
    ) -> None:
        """Counts one customer as of the last `day`: by the live policy, and by the candidate."""
        live, candidate = (course.now for course in courses)
        self.customers += 1
        self.scores_changed += live.total != candidate.total
        for verdict in VERDICTS:
            self.flows[verdict][getattr(live, verdict), getattr(candidate, verdict)] += 1
        for side, course in zip(SIDES, courses, strict=True):
            self._add_side(side, course)
        if live.points != candidate.points:
            self._add_measures(rulebooks, courses)
        if record or live.tags != candidate.tags:
            before, after = (
                _carried(course.now.tags + rulebook.care.with_handling(record))
                for rulebook, course in zip(rulebooks, courses, strict=True)
            )
            self.tags.update((*tag, -1) for tag in before - after)
            self.tags.update((*tag, 1) for tag in after - before)
        if live.tier != candidate.tier:
            self.causes.update(_causes(rulebooks, courses, day))
            if len(self.samples) < MOST_SAMPLES:
                self.samples.append(_sample(number, rulebooks, courses, day))

    def _add_side(self, side: Side, course: Course) -> None:
        self.points[side] += course.now.total
        if course.then is not None:
            for verdict in VERDICTS:
                self.then[side, verdict, getattr(course.then, verdict)] += 1
        if not course.moves:
            return
        self.triggered[side, "risk/high"] += sum(m.leads_to("risk", "high") for m in course.moves)
        for playbook in self.playbooks:
            self.triggered[side, playbook.name] += playbook.starts(course)

    def _add_measures(self, rulebooks: Sequence[Rulebook], courses: Sequence[Course]) -> None:
        before, after = (
            {m.measure: p for (_, m), p in zip(r.measures, c.now.points, strict=True)}
            for r, c in zip(rulebooks, courses, strict=True)
        )
        for measure in before | after:
            difference = after.get(measure, 0) - before.get(measure, 0)
            if difference:
                self.measures[measure, 1 if difference > 0 else -1] += 1

    def merge(self, other: "Comparison") -> None:
        """Adds another part; samples stay those with the lowest numbers."""
        self.customers += other.customers
        self.scores_changed += other.scores_changed
        for verdict, flow in other.flows.items():
            self.flows[verdict].update(flow)
        for mine, theirs in zip(self._counters(), other._counters(), strict=True):
            mine.update(theirs)
        self.samples = sorted(self.samples + other.samples, key=lambda sample: sample.customer)[
            :MOST_SAMPLES
        ]

    def _counters(self) -> tuple[Counter[Any], ...]:
        return self.points, self.then, self.triggered, self.measures, self.tags, self.causes


def _carried(tags: Tags) -> set[tuple[TagName, str]]:
    return {(name, value) for name, values in tags for value in values}


def _causes(rulebooks: Sequence[Rulebook], courses: Sequence[Course], day: int) -> list[Cause]:
    classes, raw = [], []
    for rulebook, course in zip(rulebooks, courses, strict=True):
        rules = rulebook.tiers
        spend, repurchases = rules.standing(course.history, day)
        classes.append((rules.value_class(spend), rules.stickiness(repurchases)))
        raw.append(rules.raw_tier(spend, repurchases))
    (live_value, live_sticky), (value, sticky) = classes
    causes: list[Cause] = []
    if live_value != value:
        causes.append(Cause("value", live_value, value))
    if live_sticky != sticky:
        causes.append(Cause("stickiness", live_sticky, sticky))
    if raw[0] == raw[1]:
        return [Cause("holding", courses[0].now.tier, courses[1].now.tier)]
    return causes or [Cause("matrix", raw[0], raw[1])]


def _sample(
    number: str, rulebooks: Sequence[Rulebook], courses: Sequence[Course], day: int
) -> Sample:
    live, candidate = (course.now for course in courses)
    why: dict[Side, dict[Language, list[str]]] = {
        side: {
            language: list(
                reasons("tier", rulebook, course.history, course.now._replace(day=day), language)
            )
            for language in LANGUAGES
        }
        for side, rulebook, course in zip(SIDES, rulebooks, courses, strict=True)
    }
    points = (as_points(live.total), as_points(candidate.total))
    return Sample(number, live.tier, candidate.tier, *points, why)
