"""The course of a case: what its playbook comes to, given what is known (RET-1, CARE-1).

Worked out anew from the beginning whenever something is added; what has been said stays said.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple, assert_never

from careline_engagement.model import Case, Consent, Fact, Family, Move, Step
from careline_engagement.policy.playbook import Playbook
from careline_engagement.policy.steps import (
    Branch,
    End,
    Escalate,
    Obligation,
    OfferStep,
    OutreachStep,
    Wait,
    WaitUntil,
)
from careline_engagement.rules import budget, owners, tickets
from careline_engagement.rules.book import Book
from careline_engagement.rules.entry import fits
from careline_engagement.rules.handling import channel_of, is_at_once
from careline_engagement.rules.offers import offered
from careline_engagement.rules.parting import unfounded
from careline_engagement.rules.zones import zone_of

_LAST: Mapping[str, int] = {"done": 1, "breached": 2, "closed": 3}
"""What comes last among the moves of one instant; the others come as the steps lead to them."""
_SUCCESSES = ("saved", "reached")
"""Of several endings at one instant these come first: who buys is saved, whatever else happens."""

TOO_LATE = "too_late"
"""Why an outreach is suppressed for which there is room, but no patience left."""


class View(NamedTuple):
    """What a case's course depends on, beside the case and its playbook."""

    family: Family
    facts: Sequence[Fact]
    evidence: Sequence[Fact]
    """Those that count for the case: `evidence.py`."""
    consents: Sequence[Consent]
    spent: Sequence[budget.Spent]
    book: Book

    def zone(self, at: datetime) -> tzinfo:
        """Where the customer is."""
        return zone_of(self.family, min(self.family.numbers), at, self.book)


class _Way(NamedTuple):
    """Where a step leads, and when."""

    at: datetime
    step: str
    """The next step; after the last one, none has this name."""


def course(case: Case, playbook: Playbook, view: View, *, merged: Move | None = None) -> list[Move]:
    """The moves of an open case that are not said yet, in order, down to its end.

    `merged` ends the case in favour of an older one.
    """
    walked = [] if case.held_out else list(_walk(case, playbook, view))
    besides = (merged, unfounded(case, view.family))
    endings = [*_endings(case, playbook, view.evidence), *filter(None, besides)]
    endings += [move for move in walked if move.kind == "closed"]
    end = min(endings, key=lambda end: (end.at, end.subject not in _SUCCESSES, end.detail))
    passed_on = owners.handovers(case, view.family) if asks_owner(case, playbook) else ()
    kept = [
        move
        for move in (*passed_on, *walked)
        if move.at < end.at or (move.at == end.at and move.kind == "done")
    ]
    return sorted([*kept, end], key=lambda move: (move.at, _LAST.get(move.kind, 0)))


def asks_owner(case: Case, playbook: Playbook) -> bool:
    """Whether there may be work for the account manager in a case."""
    return playbook.asks_manager and not case.held_out


def _endings(case: Case, playbook: Playbook, evidence: Sequence[Fact]) -> Iterator[Move]:
    """Every end that can come; the last is that the window closes."""
    days = playbook.window_days
    yield Move(case.ends_at, "closed", playbook.otherwise, f"no goal within {days} days")
    for outcome in filter(None, [playbook.goal, playbook.exit]):
        if fact := _first(evidence, outcome.by):
            yield Move(fact.at, "closed", outcome.status, fact.kind, fact.event_id)


def _walk(case: Case, playbook: Playbook, view: View) -> Iterator[Move]:
    """Step after step, as far as they lead; what was passed once leads where it led then."""
    at, name = case.opened_at, playbook.steps[0].step
    while (step := playbook.by_name.get(name)) is not None:
        said, below = case.steps.get(name), playbook.below[name] or ""
        if said is None:
            released = tickets.released(at, view.facts, playbook.held_by_tickets)
            if released is None:
                return
            at = released
        else:
            at = said.began_at
        match step:
            case OfferStep():
                due_at = _due_at(step, said, at, case, view)
                yield from _begun(step, said, at, due_at)
                moves, done = offered(step, said, at, case, view.evidence)
                yield from moves
                yield from _obligation(step, said, due_at, done)
                way = _Way(at, below)
            case Obligation():
                due_at = _due_at(step, said, at, case, view)
                yield from _begun(step, said, at, due_at)
                done = _first(view.evidence, step.done_by, at)
                yield from _obligation(step, said, due_at, done)
                way = _Way(at, below)
            case OutreachStep():
                moves, way = _outreach(step, said, at, below, case, playbook, view)
                yield from moves
            case Escalate():
                if said is None:
                    yield Move(at, "begun", name, step.reason)
                way = _Way(at, below)
            case Wait() | WaitUntil() | Branch():
                if said is not None and said.done_at is not None:
                    way = _Way(said.done_at, said.detail)
                else:
                    way = _way(step, at, below, case, view)
                    yield Move(way.at, "passed", name, way.step, until=at)
            case End():
                yield Move(at, "closed", step.status, step.reason)
                return
            case _:
                assert_never(step)
        at, name = way.at, way.step


def _due_at(step: Obligation, said: Step | None, at: datetime, case: Case, view: View) -> datetime:
    """The deadline that was given when the step began, in its calendar's hours."""
    if said is not None and said.due_at is not None:
        return said.due_at
    at_once = step.at_once_hours is not None and is_at_once(view.family, case.number, at)
    within = step.within_at_once if at_once else step.within
    if step.calendar is None:
        return at + within
    return view.book.timetable(step.calendar, at).after(at, within)


def _begun(step: Obligation, said: Step | None, at: datetime, due_at: datetime) -> Iterator[Move]:
    if said is None:
        yield Move(at, "begun", step.step, until=due_at)


def _obligation(
    step: Obligation, said: Step | None, due_at: datetime, done: Fact | None
) -> Iterator[Move]:
    """Done by the first evidence; missed if there is none by the deadline."""
    if said is not None and said.done_at is not None:
        return
    if done is not None:
        yield Move(done.at, "done", step.step, done.detail, done.event_id)
    if (done is None or done.at > due_at) and not (said and said.breached_at):
        yield Move(due_at, "breached", step.step)


def _outreach(
    step: OutreachStep,
    said: Step | None,
    at: datetime,
    below: str,
    case: Case,
    playbook: Playbook,
    view: View,
) -> tuple[list[Move], _Way]:
    """Sent at the first instant at which the budget has room, suppressed if that is too late."""
    other_way = step.suppressed or below
    if said is not None and said.sent_at is not None:
        return [], _Way(said.sent_at, below)
    if said is not None and said.suppressed_at is not None:
        return [], _Way(said.suppressed_at, other_way)
    channel = channel_of(step, case, view.family, at)
    wish = budget.Wish(at, channel, playbook.purpose, case.tier, step.on_holidays)
    fate = _fate(wish, step.patience, view)
    parting, asked_at = view.family.parting, at
    if parting is not None and parting.covers(fate.at):
        # what a mistaken merge had stopped goes now, if it would still have waited by itself
        asked_at = parting.at
        fate = _fate(wish._replace(since=asked_at), step.patience - (asked_at - at), view)
    name, moves = step.step, []
    if said is None and fate.at > asked_at:
        moves.append(Move(asked_at, "held", name, fate.first.reason, until=fate.first.at))
    if not fate.is_sent:
        reason = fate.slot.reason or TOO_LATE
        lost = Move(fate.at, "suppressed", name, reason, until=fate.slot.at)
        return [*moves, lost], _Way(fate.at, other_way)
    sent = Move(fate.at, "sent", name, wish.channel, until=step.due_at(at, fate.at))
    return [*moves, sent], _Way(fate.at, below)


def _fate(wish: budget.Wish, patience: timedelta, view: View) -> budget.Fate:
    return budget.fate(
        wish,
        patience,
        view.spent,
        view.consents,
        view.zone(wish.since),
        view.book.budget_at(wish.since),
    )


def _way(step: Wait | WaitUntil | Branch, at: datetime, below: str, case: Case, view: View) -> _Way:
    match step:
        case Wait():
            fact = _first(view.evidence, step.for_, at)
            if fact is not None and fact.at <= at + step.span:
                return _Way(fact.at, step.then or below)
            return _Way(at + step.span, step.timeout or below)
        case WaitUntil():
            return _Way(_next_turn(at, step, view), below)
        case Branch():
            ways = (w.go for w in step.ways if fits(w.when, view.family, case.number, at))
            return _Way(at, next(ways, below))


def _next_turn(at: datetime, step: WaitUntil, view: View) -> datetime:
    """The next such time of the customer's day, or the next instant that is worked."""
    if step.local_time is None:
        return view.book.timetable(step.calendar, at).next_open(at)
    zone = view.zone(at)
    local = at.astimezone(zone)
    days = 0 if local.time() <= step.local_time else 1
    there = datetime.combine(local.date() + timedelta(days=days), step.local_time, tzinfo=zone)
    return max(at, there.astimezone(at.tzinfo))


def _first(
    evidence: Sequence[Fact], kinds: frozenset[str], since: datetime | None = None
) -> Fact | None:
    """The first such fact that we knew of which happened strictly after `since`."""
    return next(
        (
            fact
            for fact in evidence
            if fact.kind in kinds and (since is None or fact.happened_at > since)
        ),
        None,
    )
