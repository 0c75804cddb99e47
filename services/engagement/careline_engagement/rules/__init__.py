"""When cases open, move and end: a pure function of facts with times.

A case's course is worked out anew from all facts whenever one is added, and a move is said once
the clock has passed its instant. Until then nothing is final; so it doesn't matter in which order
the facts were heard, and what is said comes in the order of its instants.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from operator import itemgetter
from typing import NamedTuple

from careline_engagement.model import Case, Contact, Entry, Family, Move, Outcome
from careline_engagement.policy import Playbook
from careline_engagement.policy.words import MOMENT
from careline_engagement.rules import moments, parting
from careline_engagement.rules.book import Book, Edition
from careline_engagement.rules.budget import Spent
from careline_engagement.rules.course import View, course
from careline_engagement.rules.entry import (
    decide,
    entries,
    is_out_of_question,
    open_case,
    says_nothing,
)
from careline_engagement.rules.evidence import evidence_for

__all__ = [
    "Book",
    "Edition",
    "News",
    "Progress",
    "advance",
    "course",
    "decide",
    "entries",
    "is_out_of_question",
    "says_nothing",
]


class News(NamedTuple):
    """A case after a move that is to be said now."""

    move: Move
    case: Case
    holder: str
    """The customer's number at that instant."""

    @property
    def is_told(self) -> bool:
        """Whether others hear of it: not of the end of a wait, nor of a customer left alone."""
        return not (_only_passes(self.move) or self.case.held_out)


class Progress(NamedTuple):
    """What became of a family up to an instant, and when something has to be said next."""

    family: Family
    news: Sequence[News]
    decided: Sequence[tuple[Entry, Outcome]]
    scheduled: Sequence[Entry]
    """Moments to come that were found out on the way."""
    missed: Sequence[moments.Missed]
    """Contacts that nobody made in time."""
    next_at: datetime | None


class _Item(NamedTuple):
    """Something not yet said: a move of the case `name`, or an entry."""

    at: datetime
    phase: int
    urgency: int
    """In one phase of one instant the most urgent come first: they get what budget is left."""
    name: str
    what: Entry | Move

    @property
    def can_wait(self) -> bool:
        """Whether it is early enough to say it with what comes next: nobody is told of it."""
        return isinstance(self.what, Move) and _only_passes(self.what)


def advance(family: Family, *, until: datetime, book: Book) -> Progress:
    """Decides and says everything up to `until`, in order of instant."""
    news: list[News] = []
    decided: list[tuple[Entry, Outcome]] = []
    scheduled: list[Entry] = []
    missed: list[moments.Missed] = []
    agenda = _agenda(family, book)
    while agenda and agenda[0].at <= until:
        at, _, _, name, what = agenda.popleft()
        if isinstance(what, Entry) and what.trigger == parting.PARTED:
            family, revised = _take_back(what, family, book, until=until)
            news += revised
            decided.append((what, "superseded"))
            agenda = _agenda(family, book)
            continue
        if isinstance(what, Entry):
            left = len(family.entries) - 1
            if what.playbook:
                family, outcome = _enter(what, family, book)
            else:
                family, gap = _look(what, family, book)
                missed += [gap] if gap else []
                outcome = "superseded"
            decided.append((what, outcome))
            if coming := family.entries[left:]:
                scheduled += coming
                # an entry moves no case: their courses stay as they were worked out
                agenda = _in_order([*agenda, *map(_item, coming)])
            if outcome not in ("opened", "held_out"):
                continue
            case = family.cases[-1]
            move, reworded = Move(at, "opened", "open", event_id=what.event_id), False
        else:
            move = what
            before = next(case for case in family.cases if case.id == name)
            case = before.after(move)
            reworded = book.is_reworded(before, case)
            family = family._replace(cases=[case if c.id == name else c for c in family.cases])
            if move.kind == "sent":
                family = family._replace(contacts=[*family.contacts, _contact(case, move, book)])
        # nothing but a new case, used-up budget and another wording changes what is to come
        if move.kind == "opened" and _leaves_others_alone(case, family):
            agenda = _in_order([*agenda, *_moves_of(case, family, book)])
        elif move.kind in ("opened", "sent") or reworded:
            agenda = _agenda(family, book)
        news.append(News(move, case, family.holder(case.number, at)))
    to_come = (next((item.at for item in agenda if not item.can_wait), None), family.later_at)
    next_at = min(filter(None, to_come), default=None)
    return Progress(family, news, decided, scheduled, missed, next_at)


def _only_passes(move: Move) -> bool:
    return move.kind == "passed"


def _take_back(
    look: Entry, family: Family, book: Book, *, until: datetime
) -> tuple[Family, list[News]]:
    """Rewinds the cases of which somebody else's facts have made anything else than their own."""
    family = family._replace(entries=[one for one in family.entries if one != look])
    parted = family.parting
    if parted is None:
        return family, []
    rewound = {
        case.id: parting.rewound(case, parted.since, family)
        for case in family.cases
        # of older ones the facts are gone that would say
        if case.opened_at >= parted.at - book.facts_kept
    }
    alone = family._replace(cases=[rewound.get(case.id, case) for case in family.cases])
    until = max(until, parted.at)
    going_on, redone = (
        {case.id: case for case in advance(one, until=until, book=book).family.cases}
        for one in (family, alone)
    )
    cases, news = [], []
    for case in family.cases:
        if case.id in rewound and not parting.is_same(redone[case.id], going_on[case.id]):
            move = parting.revision(case, parted)
            case = rewound[case.id]._replace(version=case.version + 1)
            news.append(News(move, case, family.holder(case.number, parted.at)))
        cases.append(case)
    return family._replace(cases=cases), news


def _look(look: Entry, family: Family, book: Book) -> tuple[Family, moments.Missed | None]:
    family = family._replace(entries=[one for one in family.entries if one != look])
    coming, missed = moments.looked(look, family, book)
    return _with_entries(family, coming), missed


def _enter(entry: Entry, family: Family, book: Book) -> tuple[Family, Outcome]:
    family = family._replace(entries=[one for one in family.entries if one != entry])
    edition = book.at(entry.at)
    playbook = edition.policy.by_name.get(entry.playbook)
    if playbook is None:
        return family, "superseded"
    if entry.trigger.startswith(f"{MOMENT}/"):
        comes_at = moments.comes_at(entry, family, book)
        if comes_at is None or comes_at > entry.at:
            later = [moments.moved(entry, comes_at)] if comes_at else []
            return _with_entries(family, later), "superseded"
        following = moments.following(entry, family, book)
        family = _with_entries(family, [following] if following else [])
    outcome = decide(entry, family, playbook)
    if outcome in ("opened", "held_out"):
        case = open_case(entry, outcome, family, playbook, edition.version)
        family = family._replace(cases=[*family.cases, case])
    return family, outcome


def _with_entries(family: Family, entries: Collection[Entry]) -> Family:
    if not entries:
        return family
    known = {(entry.number, entry.playbook, entry.name) for entry in family.entries}
    new = [e for e in entries if (e.number, e.playbook, e.name) not in known]
    return family._replace(entries=[*family.entries, *new])


def _contact(case: Case, move: Move, book: Book) -> Contact:
    purpose = book.playbook_of(case).purpose
    return Contact(move.at, case.number, case.id, move.subject, move.detail, purpose)


def _courses(family: Family, book: Book) -> Iterator[tuple[Case, Playbook, list[Move]]]:
    """Every open case with its course, oldest first: an older case ends a younger one."""
    older: list[tuple[Case, datetime]] = []
    views: dict[str, View] = {}
    for case in sorted(family.cases, key=lambda case: (case.opened_at, case.id)):
        if case.closed_at is not None:
            older.append((case, case.closed_at))
            continue
        playbook = book.playbook_of(case)
        merged = _merged(case, older, family)
        view = views[case.number] = views.get(case.number) or _view(case.number, family, book)
        moves = _course(case, playbook, view, merged=merged)
        older.append((case, moves[-1].at))
        yield case, playbook, moves


def _course(
    case: Case, playbook: Playbook, view: View, *, merged: Move | None = None
) -> list[Move]:
    evidence = evidence_for(case, playbook, view.facts, view.family)
    return course(case, playbook, view._replace(evidence=evidence), merged=merged)


def _leaves_others_alone(opened: Case, family: Family) -> bool:
    """Whether a case that has just opened moves no other of the customer's.

    It ends none, but for one of another number, and what answers it by name answers no other.
    """
    return len(family.numbers) == 1 and all(fact.request != opened.id for fact in family.facts)


def _view(number: str, family: Family, book: Book) -> View:
    """What all cases under a number have in common."""
    return View(
        family,
        family.facts_for(number),
        (),
        family.consents_for(number),
        _spent(family, number, book),
        book,
    )


def _spent(family: Family, number: str, book: Book) -> list[Spent]:
    """What has used up budget: the outreach that went out, and what people did."""
    by_us = [
        (contact.at, contact.channel, contact.number)
        for contact in family.contacts
        if not book.budget_at(contact.at).is_duty(contact.purpose)
    ]
    by_people = [
        (fact.at, "phone", fact.number)
        for fact in family.facts
        if fact.kind in book.by_people
        and fact.kind in book.budget_at(fact.at).by_people
        and fact.detail != "inbound"
    ]
    return sorted(
        Spent(at, channel, max(at, family.joined_at(number, of)))
        for at, channel, of in by_us + by_people
    )


def _merged(case: Case, older: Iterable[tuple[Case, datetime]], family: Family) -> Move | None:
    """The end of a case whose customer was found to be one who had an open case already."""
    ends = [
        Move(since, "closed", "withdrawn", f"customer has the older case {other.id}")
        for other, closed_at in older
        if (other.playbook, other.key) == (case.playbook, case.key)
        and (since := max(case.opened_at, family.joined_at(case.number, other.number))) < closed_at
    ]
    return min(ends, default=None)


def _agenda(family: Family, book: Book) -> deque[_Item]:
    """Everything not yet said, in order.

    At one instant what happens to cases comes first, then who enters, and last who is contacted:
    all who want it then are there, and the most urgent gets it.
    """
    items = [_item(entry) for entry in family.entries]
    for case, playbook, moves in _courses(family, book):
        items += _items(case, playbook, moves)
    return _in_order(items)


def _moves_of(case: Case, family: Family, book: Book) -> Iterator[_Item]:
    """What comes of a case by itself."""
    playbook = book.playbook_of(case)
    return _items(case, playbook, _course(case, playbook, _view(case.number, family, book)))


def _items(case: Case, playbook: Playbook, moves: Iterable[Move]) -> Iterator[_Item]:
    asks_since: datetime | None = None
    for move in moves:
        if move.kind in ("held", "sent", "suppressed"):
            asks_since = move.at
        phase = 2 if move.at == asks_since else 0
        yield _Item(move.at, phase, -playbook.priority, case.id, move)


def _item(entry: Entry) -> _Item:
    name = f"{entry.number}-{entry.version:>9}-{entry.name}-{entry.playbook}"
    return _Item(entry.at, 1, 0, name, entry)


def _in_order(items: Iterable[_Item]) -> deque[_Item]:
    return deque(sorted(items, key=itemgetter(0, 1, 2, 3)))
