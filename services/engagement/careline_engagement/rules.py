"""When a retention case opens, moves and ends (RET-1): a pure function of facts with times.

A case's course is worked out anew from all facts whenever one is added, and a move is said once
the clock has passed its instant. Until then nothing is final; so it doesn't matter in which order
the facts were heard, and what is said comes in the order of its instants.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from operator import itemgetter
from typing import NamedTuple

from careline_engagement.model import Case, ChurnWarning, Fact, Family, Move, Outcome, Step
from careline_engagement.policy import EngagementPolicy

_KINDS = ("opened", "done", "breached", "closed")
_ENDINGS = ("saved", "withdrawn", "lost")
"""Of several endings at one instant the first holds: who buys is saved, whatever else happens."""


class News(NamedTuple):
    """A case after a move that is to be said now."""

    move: Move
    case: Case
    holder: str
    """The customer's number at that instant."""


class Progress(NamedTuple):
    """What became of a family up to an instant, and when something has to be said next."""

    family: Family
    news: Sequence[News]
    decided: Sequence[tuple[ChurnWarning, Outcome]]
    next_at: datetime | None


class _Item(NamedTuple):
    """Something not yet said: a move of the case `name`, or a warning."""

    at: datetime
    is_warning: bool
    name: str
    what: ChurnWarning | Move


def next_at(family: Family, policy: EngagementPolicy) -> datetime | None:
    """The instant at which something has to be said next, if nothing else happens."""
    agenda = _agenda(family, policy)
    return agenda[0].at if agenda else None


def advance(
    family: Family, *, until: datetime, policy: EngagementPolicy, policy_version: str
) -> Progress:
    """Decides and says everything up to `until`, in order of instant."""
    news: list[News] = []
    decided: list[tuple[ChurnWarning, Outcome]] = []
    agenda = _agenda(family, policy)
    while agenda and agenda[0].at <= until:
        at, _, name, what = agenda.popleft()
        if isinstance(what, ChurnWarning):
            outcome = decide(what, family, policy)
            decided.append((what, outcome))
            family = family._replace(warnings=[w for w in family.warnings if w != what])
            if outcome != "opened":
                continue
            move = Move(at, "opened", "open", event_id=what.event_id)
            case = open_case(what, policy, policy_version)
            family = family._replace(cases=[*family.cases, case])
            # nothing but a new case changes what is to come: only then it is worked out anew
            agenda = _agenda(family, policy)
        else:
            move = what
            case = next(case for case in family.cases if case.id == name).after(move)
            family = family._replace(cases=[case if c.id == name else c for c in family.cases])
        news.append(News(move, case, family.holder(case.number, at)))
    return Progress(family, news, decided, agenda[0].at if agenda else None)


def decide(warning: ChurnWarning, family: Family, policy: EngagementPolicy) -> Outcome:
    """Whether a warning opens a case: one open case per customer, then a time of peace."""
    covered = policy.retention.warnings.get(warning.trigger)
    if covered is None or warning.tier not in covered.tiers:
        return "tier_not_covered"
    cases = [c for c in family.cases if family.joined_at(c.number, warning.number) <= warning.at]
    if any(case.closed_at is None or case.closed_at > warning.at for case in cases):
        return "case_open"
    cool_down = policy.retention.cool_down
    if any(case.closed_at and warning.at < case.closed_at + cool_down for case in cases):
        return "cool_down"
    return "opened"


def open_case(warning: ChurnWarning, policy: EngagementPolicy, policy_version: str) -> Case:
    """The case that a warning opens, with all its deadlines."""
    assert warning.tier is not None, "a warning without a tier is covered by no policy"
    return Case(
        id=f"{warning.number}-{warning.version}",
        number=warning.number,
        trigger=warning.trigger,
        tier=warning.tier,
        reasons=(warning.trigger, *warning.reasons),
        opened_at=warning.at,
        ends_at=warning.at + policy.retention.outcome.window,
        steps={s.step: Step(warning.at + s.within) for s in policy.retention.steps},
        policy_version=policy_version,
        traceparent=warning.traceparent,
    )


def course(
    case: Case,
    evidence: Sequence[Fact],
    policy: EngagementPolicy,
    *,
    merged: Move | None = None,
) -> list[Move]:
    """The moves of an open case that are not said yet, in order, down to its end.

    `evidence` is what `_evidence` makes of the facts; `merged` ends the case in favour of an older.
    """
    end = _ending(case, evidence, policy, merged)
    moves: list[Move] = []
    for rule in policy.retention.steps:
        step = case.steps[rule.step]
        done = _first(evidence, rule.done_by)
        if done is not None and done.at > end.at:
            done = None
        if done is not None and step.done_at is None:
            moves.append(Move(done.at, "done", rule.step, done.detail, done.event_id))
        missed = step.done_at is None and (done is None or done.at > step.due_at)
        if missed and step.breached_at is None and step.due_at < end.at:
            moves.append(Move(step.due_at, "breached", rule.step))
    # moves of one kind at one instant stay in the policy's order of steps
    return sorted([*moves, end], key=lambda move: (move.at, _KINDS.index(move.kind)))


def _ending(
    case: Case, evidence: Sequence[Fact], policy: EngagementPolicy, merged: Move | None
) -> Move:
    """The earliest end; the last that can come is that the window closes."""
    outcome = policy.retention.outcome
    days = outcome.window_days
    ends = [Move(case.ends_at, "closed", "lost", f"nothing bought within {days} days")]
    if bought := _first(evidence, outcome.saved_by):
        ends.append(Move(bought.at, "closed", "saved", bought.kind, bought.event_id))
    if refused := _first(evidence, outcome.withdrawn_by):
        ends.append(Move(refused.at, "closed", "withdrawn", refused.kind, refused.event_id))
    if merged:
        ends.append(merged)
    return min(ends, key=lambda end: (end.at, _ENDINGS.index(end.subject), end.detail))


def _first(evidence: Sequence[Fact], kinds: frozenset[str]) -> Fact | None:
    return next((fact for fact in evidence if fact.kind in kinds), None)


def _evidence(case: Case, family: Family) -> list[Fact]:
    """The facts that count for a case, in order of instant.

    Strictly after the opening: the event that raised the warning is not what answers it. What an
    other number did counts from when we knew that it was the same customer.
    """
    return sorted(
        fact
        if fact.number == case.number
        else fact._replace(at=max(fact.at, family.joined_at(case.number, fact.number)))
        for fact in family.facts
        if fact.at > case.opened_at
    )


def _courses(family: Family, policy: EngagementPolicy) -> Iterator[tuple[Case, list[Move]]]:
    """Every open case with its course, oldest first: an older case ends a younger one."""
    older: list[tuple[Case, datetime]] = []
    for case in sorted(family.cases, key=lambda case: (case.opened_at, case.id)):
        if case.closed_at is not None:
            older.append((case, case.closed_at))
            continue
        merged = _merged(case, older, family)
        moves = course(case, _evidence(case, family), policy, merged=merged)
        older.append((case, moves[-1].at))
        yield case, moves


def _merged(case: Case, older: Iterable[tuple[Case, datetime]], family: Family) -> Move | None:
    """The end of a case whose customer was found to be one who had an open case already."""
    ends = [
        Move(since, "closed", "withdrawn", f"customer has the older case {other.id}")
        for other, closed_at in older
        if (since := max(case.opened_at, family.joined_at(case.number, other.number))) < closed_at
    ]
    return min(ends, default=None)


def _agenda(family: Family, policy: EngagementPolicy) -> deque[_Item]:
    """Everything not yet said, in order: at one instant moves of cases first, then warnings."""
    items = [
        _Item(move.at, False, case.id, move)
        for case, moves in _courses(family, policy)
        for move in moves
    ]
    items += [_Item(w.at, True, f"{w.number}-{w.version:09}", w) for w in family.warnings]
    return deque(sorted(items, key=itemgetter(0, 1, 2)))
