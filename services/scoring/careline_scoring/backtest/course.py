"""What one policy decides about one customer over a span of days, and what that sets off.

Day by day, as the facts came: each day knows only the facts up to it. What changes within a day and
back again is not seen.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from careline_scoring.model import NEVER, Decision, Fact, History
from careline_scoring.rules import Rulebook


class Move(NamedTuple):
    """A day on which a verdict changed; `before` is None for somebody who was not known yet."""

    before: Decision | None
    after: Decision

    def leads_to(self, verdict: str, name: str) -> bool:
        """Whether the verdict is called so from this day on."""
        was = None if self.before is None else getattr(self.before, verdict)
        return bool(was != name and getattr(self.after, verdict) == name)


class Course(NamedTuple):
    """From the first day to the last one."""

    then: Decision | None
    """On the first day; None for somebody who was not known yet."""
    now: Decision
    moves: Sequence[Move]
    history: History
    """All facts up to the last day."""


class Entry(NamedTuple):
    """A change of a verdict that begins a playbook, for whom the other verdicts are in `when`."""

    verdict: str
    name: str
    when: Mapping[str, frozenset[str]]

    def fits(self, move: Move) -> bool:
        return move.leads_to(self.verdict, self.name) and all(
            getattr(move.after, verdict) in names for verdict, names in self.when.items()
        )


class Playbook(NamedTuple):
    """Care that scoring's verdicts begin, at most once in `days_apart`."""

    name: str
    entries: Sequence[Entry]
    days_apart: int

    def starts(self, course: Course) -> int:
        """How often it would have begun."""
        count, free_from = 0, 0
        for move in course.moves:
            if move.after.day >= free_from and any(entry.fits(move) for entry in self.entries):
                count += 1
                free_from = move.after.day + self.days_apart
        return count


def follow(
    rulebook: Rulebook, facts: Sequence[Fact], *, first_day: int, last_day: int
) -> Course | None:
    """Decides about `facts`, which are in order of day; None where there are none by `last_day`."""
    history, moves = History(), []
    decisions = _decisions(rulebook, facts, history, first_day, last_day)
    then = decision = next(decisions)
    for later in decisions:
        assert later is not None
        if decision is None or _verdicts(decision) != _verdicts(later):
            moves.append(Move(decision, later))
        decision = later
    return None if decision is None else Course(then, decision, moves, history)


def _decisions(
    rulebook: Rulebook, facts: Sequence[Fact], history: History, first_day: int, last_day: int
) -> Iterator[Decision | None]:
    """On the first day, then on each one on which facts came or something was due."""
    day, place, decision = first_day, 0, None
    while day <= last_day:
        while place < len(facts) and facts[place].day <= day:
            rulebook.evidence.fold(history, facts[place])
            place += 1
        if place:
            decision = rulebook.decide(history, day)
        yield decision
        due_day = NEVER if decision is None else decision.change_day
        day = min(due_day, facts[place].day if place < len(facts) else NEVER)


def _verdicts(decision: Decision) -> tuple[str, ...]:
    return decision.tier, decision.value, decision.need, decision.risk
