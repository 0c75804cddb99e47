"""The whole decision about a customer: score, tags and tier as of a day, and when they change.

`decide` is a pure function of facts, policy and day. It is called for every event, so a rulebook
is made once per policy, and what it answered before is not asked again while it holds: until
evidence comes on which the answer rests, or its change day. Of 19 questions an event asks 7.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import accumulate
from typing import Any

from careline_contracts.events.scoring import Value
from careline_scoring.model import FIRST_CONTACT, HABIT, Decision, History, Known, Reading, Verdict
from careline_scoring.policy import ScoringPolicy
from careline_scoring.policy.score import Group, Measure
from careline_scoring.rules.care import CareRules
from careline_scoring.rules.evidence import Calendar, Evidence
from careline_scoring.rules.groups import GroupReader
from careline_scoring.rules.habits import HabitRules
from careline_scoring.rules.held import best_of_held_days
from careline_scoring.rules.measures import Reader, evidence_of, reader
from careline_scoring.rules.tags import VALUES, TagRules
from careline_scoring.rules.tier import TierRules


class Rulebook:
    """One policy made ready to decide."""

    def __init__(self, policy: ScoringPolicy, *, version: str) -> None:
        self.policy = policy
        self.version = version
        self.evidence = Evidence(policy)
        self.calendar = Calendar(policy.time_zone)
        self.measures: tuple[tuple[str, Measure], ...] = tuple(
            (name, measure)
            for name, dimension in policy.score.items()
            for measure in dimension.measures
        )
        """Dimension and measure, in the order of `Decision.points`."""
        self.tags = TagRules(policy.tags)
        self.tiers = TierRules(policy.tier)
        self.habits = HabitRules(policy.tags)
        self.care = CareRules(policy.tags.care)
        blocks = [block for dimension in policy.score.values() for block in dimension.blocks]
        self._readers = [_reader(group, members) for group, members in blocks]
        self._questions: tuple[Callable[[History, int], Sequence[Any]], ...] = (
            *[each.ask if isinstance(each, GroupReader) else each.read for each in self._readers],
            self.tags.need,
            self.tags.risk,
            self.tiers.tier,
            self.habits.life_cycle,
            self.habits.preferred,
        )
        self._answered_at = _places_of_answers(blocks)
        resting_on = _places_by_evidence(
            [
                *[
                    tuple(name for measure in members for name in evidence_of(measure))
                    for _, members in blocks
                ],
                ("contact", "enquiry", "interest", "purchase"),
                ("purchase", "refund", "complaint"),
                ("purchase", "refund"),
                ("purchase", "contact"),
                (HABIT,),
            ]
        )
        # an event brings one of few combinations of evidence: its questions are gathered once
        self._resting_on_any = lru_cache(maxsize=1024)(
            lambda names: frozenset(place for name in names for place in resting_on.get(name, ()))
        )
        self._of_nobody: list[Any] = [0] * len(self.measures) + [None] * 5
        """The answers when there is no evidence, and until when they hold."""
        self._nobody_until = [0] * len(self._questions)
        for place, ask in enumerate(self._questions):
            *_, self._of_nobody[self._answered_at[place]], self._nobody_until[place] = ask(
                History(), 0
            )
        ends = list(accumulate(len(d.measures) for d in policy.score.values()))
        self._slices = tuple(zip(policy.score, [0, *ends], ends, strict=False))

    def readings(self, history: History, day: int) -> list[Reading]:
        """What each measure says on `day`."""
        found: list[Reading] = []
        for each in self._readers:
            read = each.read(history, day)
            found += [read] if isinstance(read, Reading) else read
        return found

    def decide(self, history: History, day: int) -> Decision:
        """Score, tags and tier on `day`, by facts up to that day."""
        known = self._answers(history, day)
        *points, need, risk, tier, stage, preferred = known.answers
        total = sum(points)
        value, change_day = self.tags.value(total), known.next_change_day
        if self.tags.value_hold > 1:
            value, value_until = self._held_value(history, day)
            change_day = min(change_day, value_until)
        tags = stage + preferred
        return Decision(day, tuple(points), total, value, need, risk, tier, tags, change_day)

    def _held_value(self, history: History, day: int) -> Verdict[Value]:
        """TAG-1 where a policy holds it: the best of the last days' totals."""
        history = history if day >= history.last_day else history.until(day)
        known = sorted({d for series in history.series.values() for d in series.days})

        def look(on: int) -> tuple[int, int]:
            readings = self.readings(history, on)
            until = min(reading.change_day for reading in readings)
            value = self.tags.value(sum(reading.points for reading in readings))
            return VALUES.index(value), min([until, *known[bisect_right(known, on) :][:1]])

        hold_days = self.tags.value_hold
        rank, change_day = best_of_held_days(look, day, hold_days=hold_days, lowest=0)
        return Verdict(VALUES[rank], change_day)

    def _answers(self, history: History, day: int) -> Known:
        """Points of each measure, need, risk, tier, tags; and until when each of them holds."""
        known = history.known
        if known is None or day < known.day or day < history.last_day:
            known = Known(self._of_nobody, self._nobody_until)
            # silence is counted from the first fact, even if that was no contact
            known.new_evidence |= history.series.keys() | {"contact", FIRST_CONTACT, HABIT}
            # with facts of a later day an answer would not hold until its change day
            history.known = known if day >= history.last_day else None
        known.day = day
        stale = self._resting_on_any(frozenset(known.new_evidence))
        known.new_evidence.clear()
        if known.next_change_day <= day:
            ended = (place for place, ends in enumerate(known.change_days) if ends <= day)
            stale = stale.union(ended)
        if stale:
            answers, change_days = known.answers, known.change_days
            for place in stale:
                answer = self._questions[place](history, day)
                answers[self._answered_at[place]] = answer[-2]
                change_days[place] = answer[-1]
            known.next_change_day = min(change_days)
        return known

    def dimensions(self, points: tuple[int, ...]) -> dict[str, Decimal]:
        """Points per dimension."""
        return {name: as_points(sum(points[start:end])) for name, start, end in self._slices}


def _reader(group: Group | None, members: Sequence[Measure]) -> Reader | GroupReader:
    readers = [reader(measure) for measure in members]
    return GroupReader(readers, group) if group else readers[0]


def _places_of_answers(blocks: Sequence[tuple[Group | None, Sequence[Measure]]]) -> list[Any]:
    """Where the answer to each question stands: a group's are the points of all its measures."""
    places: list[int | slice] = []
    end = 0
    for group, members in blocks:
        start, end = end, end + len(members)
        places.append(slice(start, end) if group else start)
    return [*places, *range(end, end + 5)]


def _places_by_evidence(rests_on: Sequence[Iterable[str]]) -> Mapping[str, list[int]]:
    """For each evidence, the places of the questions whose answers rest on it."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, names in enumerate(rests_on):
        for name in names:
            places[name].append(place)
    return places


_HUNDREDTHS = tuple(Decimal(hundredths).scaleb(-2) for hundredths in range(10_001))


def as_points(hundredths: int) -> Decimal:
    """Hundredths of points, 0 to 10 000, as the exact decimal that is published."""
    return _HUNDREDTHS[hundredths]
