"""Laws of engagement: what it says doesn't depend on the order in which its topics are heard.

A customer's life is drawn at random and heard in two ways: each event in order and at its instant,
and under a replay clock that drains, ticks and drains, with the topics mixed up in between.
The clock passes an instant only when all others have said what they have to say of it.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from careline_contracts.events.scoring import VerdictName
from careline_engagement.handlers import entries_of
from careline_engagement.model import SILENT, Alias, Case, Contact, Entry, Fact, Family
from careline_engagement.rules import Book, News, advance, says_nothing, tickets
from careline_engagement.standing import Change, Standing
from tests.engagement.by_hand import START, a_book, after, shipped_policy

SEVERAL = a_book(shipped_policy())
POLICY = SEVERAL.at(START).policy
DAYS = 100
END = after(24 * (DAYS + max(p.window_days for p in POLICY.playbooks) + 1))

Event = Fact | Alias | tuple[str, Change]


class Heard(NamedTuple):
    """An event and the instant that it carries."""

    at: datetime
    event: Event


class InMemory:
    """Engagement's handlers without a database: the same rules in the same places."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.facts: set[Fact] = set()
        self.aliases: dict[str, Alias] = {}
        self.standings: dict[str, Standing] = {}
        self.entries: list[Entry] = []
        self.contacts: list[Contact] = []
        self.cases: dict[str, Case] = {}
        self.news: list[News] = []
        self.decided: set[tuple[Entry, str]] = set()
        self.kept: set[Entry] = set()
        self.quiet_until = START

    def hear(self, events: Iterable[Event]) -> None:
        for event in events:
            self.quiet_until = START
            match event:
                case Fact():
                    self.facts.add(event)
                    latest = max(f.at for f in self.facts if f.number == event.number)
                    self.facts = {
                        f
                        for f in self.facts
                        if f.number != event.number or f.at >= latest - self.book.facts_kept
                    }
                case Alias():
                    self.aliases[event.absorbed] = event
                case (number, change):
                    before = self.standings.get(number, Standing())
                    self.standings[number] = before.after([change], kept=self.book.facts_kept)
                    begun = entries_of({number: [change]}, self.book)
                    # the table has a row for each name once
                    self.entries += set(begun) - {*self.entries, *self.kept}

    def families(self) -> list[Family]:
        return [
            Family(
                frozenset(numbers),
                self.aliases,
                [f for f in self.facts if f.number in numbers],
                [e for e in self.entries if e.number in numbers],
                [c for c in self.cases.values() if c.number in numbers],
                {n: s.rulings for n, s in self.standings.items() if n in numbers},
                [c for c in self.contacts if c.number in numbers],
            )
            for numbers in ([{"A", "B"}] if self.aliases else [{"A"}, {"B"}])
        ]

    def tick(self, now: datetime) -> None:
        if now < self.quiet_until:
            return
        instants = []
        for family in self.families():
            progress = advance(family, until=now, book=self.book)
            family, due = progress.family, progress.next_at
            self.news += progress.news
            self.decided |= set(progress.decided)
            self.kept |= {e for e, outcome in progress.decided if not says_nothing(e, outcome)}
            self.entries = [e for e in self.entries if e.number not in family.numbers]
            self.entries += family.entries
            self.contacts = [c for c in self.contacts if c.number not in family.numbers]
            self.contacts += family.contacts
            self.cases |= {case.id: case for case in family.cases}
            instants += [due] if due else []
        self.quiet_until = min(instants, default=END)

    def outcome(self) -> object:
        """Everything said, in order for each case, and the cases in the end."""
        said = {id: [n for n in self.news if n.case.id == id] for id in self.cases}
        return said, self.decided, self.cases


def lived(life: Iterable[Heard], book: Book, *, until: datetime = END) -> InMemory:
    """Everything heard in order, each at its instant."""
    engagement = InMemory(book)
    for heard in life:
        if heard.at <= until:
            engagement.tick(heard.at - timedelta(microseconds=1))
            engagement.hear([heard.event])
    engagement.tick(until)
    return engagement


# few instants, so that many things happen at the same one, and around deadlines and window ends
HOURS = sorted(
    base + shift
    for base in (0, 200, 24 * 30, 24 * 60, 24 * 61, 24 * 90)
    for shift in (0, 1, 2, 3, 24, 25)
)
instants = st.sampled_from(HOURS).map(after)
kinds = st.sampled_from([*sorted(POLICY.evidence), tickets.opened("L1"), tickets.CLOSED])
verdicts: st.SearchStrategy[tuple[VerdictName, str]] = st.sampled_from(
    [("tier", "core"), ("tier", "edge"), ("risk", "high"), ("risk", "low"), ("need", "dormant")]
)


@st.composite
def lives(draw: st.DrawFn) -> list[Heard]:
    """Two numbers, perhaps of one customer; all that is heard of them, in order of instant."""
    merge = draw(st.none() | instants)
    life: list[Heard] = []
    for number in ("A", "B"):
        facts = draw(st.lists(st.tuples(instants, kinds), max_size=8))
        life += [
            Heard(at, Fact(at, number, kind, f"{number}{n}", version=n))
            for n, (at, kind) in enumerate(facts)
        ]
        changes = draw(st.lists(st.tuples(instants, verdicts), max_size=8))
        changes = [(START, ("tier", "core")), *sorted(changes)]
        if number == "B" and merge is not None:
            changes = [change for change in changes if change[0] <= merge]
        life += [
            Heard(
                at, (number, Change(version, at, *verdict, verdict[1:], (), f"{number}s{version}"))
            )
            for version, (at, verdict) in enumerate(changes, start=1)
        ]
    if merge is not None:
        life.append(Heard(merge, Alias("B", "A", merge)))
    return sorted(life, key=lambda heard: heard.at)


steps_of_clock = st.sampled_from([timedelta(hours=17), timedelta(days=3), timedelta(days=13)])
shufflings = st.randoms(use_true_random=False)


shuffles = shufflings.map(lambda draw: draw.shuffle)
Shuffle = Callable[[list[Event]], None]


@given(lives(), steps_of_clock, shuffles)
@settings(max_examples=150)
def test_the_same_is_said_whatever_the_order_of_the_topics(
    life: list[Heard], step: timedelta, shuffle: Shuffle
) -> None:
    assert mixed_up(life, step, shuffle, SEVERAL).outcome() == lived(life, SEVERAL).outcome()


def mixed_up(life: Iterable[Heard], step: timedelta, shuffle: Shuffle, book: Book) -> InMemory:
    """Everything heard with the clock in steps, and the topics in any order in each."""
    mixed, now = InMemory(book), START
    rest = list(life)
    while now < END:
        now = min(now + step, END)
        window = [h.event for h in rest if h.at <= now]
        rest = [h for h in rest if h.at > now]
        shuffle(window)
        mixed.hear(window)
        mixed.tick(now)
    return mixed


@given(lives())
@settings(max_examples=150)
def test_nobody_has_two_open_cases_and_every_case_ends_once(life: list[Heard]) -> None:
    engagement = lived(life, SEVERAL)
    merged_at = max((a.since for a in engagement.aliases.values()), default=None)
    cases = sorted(engagement.cases.values(), key=lambda case: case.opened_at)
    for case in cases:
        if case.ends_at > END:
            continue  # the calendar goes on
        assert case.closed_at is not None
        said = [news for news in engagement.news if news.case.id == case.id]
        loud = [news.case.version for news in said if news.move.kind not in SILENT]
        assert loud == list(range(1, case.version + 1))
        assert [news.move.at for news in said] == sorted(news.move.at for news in said)
        assert [news.move.kind for news in said].count("closed") == 1
        for other in cases:
            same = other.number == case.number or (merged_at and other.opened_at > merged_at)
            if other.playbook == case.playbook and same and case.opened_at < other.opened_at:
                peace = POLICY.by_name[case.playbook].again.peace
                assert case.closed_at <= other.opened_at - peace
        for step in case.steps.values():
            in_time = step.done_at and step.due_at and step.done_at <= step.due_at
            assert not (in_time and step.breached_at)
            if step.due_at is not None and step.sent_at is None:
                assert in_time or step.breached_at or case.closed_at <= step.due_at


@given(lives(), instants)
@settings(max_examples=100)
def test_nothing_is_said_before_the_instant_that_was_foretold(
    life: list[Heard], now: datetime
) -> None:
    for family in lived(life, SEVERAL, until=now).families():
        due = advance(family, until=now, book=SEVERAL).next_at
        if due is not None:
            just_before = due - timedelta(microseconds=1)
            quiet = advance(family, until=just_before, book=SEVERAL)
            then = advance(family, until=due, book=SEVERAL)
            assert not quiet.decided
            assert {news.move.kind for news in quiet.news} <= {"passed"}
            assert {news.move.kind for news in then.news} - {"passed"} or then.decided
