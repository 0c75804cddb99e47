"""RET-1 by tables: which warning opens a case, what it comes to, and when."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest

from careline_engagement.model import (
    ALWAYS,
    SILENT,
    Alias,
    Case,
    Entry,
    Fact,
    Family,
    Move,
    Ruling,
)
from careline_engagement.rules import Progress, advance, decide
from careline_engagement.rules.entry import is_out_of_question, open_case
from tests.engagement.by_hand import a_book, after, shipped_policy

BOOK = a_book(shipped_policy())
POLICY = BOOK.at(after(0)).policy
RETENTION = POLICY.by_name["retention"]
DAY = 24.0
WINDOW = RETENTION.window_days * DAY
COOL_DOWN = RETENTION.again.after_days * DAY


def a_warning(
    hours: float = 0, *, number: str = "A", version: int = 5, trigger: str = "risk/high"
) -> Entry:
    at = after(hours)
    reasons = (trigger, "2 complaints")
    return Entry(number, "retention", str(version), at, trigger, "", version, reasons, "w1")


def a_case(hours: float = 0, *, number: str = "A", version: int = 5) -> Case:
    entry = a_warning(hours, number=number, version=version)
    return open_case(entry, "opened", a_family(), RETENTION, "policy-1")


def advanced(family: Family, hours: float) -> Progress:
    return advance(family, until=after(hours), book=BOOK)


def a_fact(hours: float, kind: str, *, number: str = "A", detail: str = "") -> Fact:
    return Fact(after(hours), number, kind, f"{kind}@{hours}", detail)


def a_family(
    *facts: Fact, aliases: tuple[Alias, ...] = (), tier: str | None = "core", **fields: Any
) -> Family:
    numbers = {"A"} | {a.absorbed for a in aliases} | {a.survivor for a in aliases}
    rulings = {number: [Ruling(1, ALWAYS, "tier", tier)] for number in numbers if tier}
    known = {a.absorbed: a for a in aliases}
    return Family(frozenset(numbers), known, facts, rulings=rulings, **fields)


def said(family: Family, until: datetime) -> Sequence[tuple[float, str, str]]:
    """Hours, kind and subject of everything said up to an instant, opening left out."""
    progress = advance(family, until=until, book=BOOK)
    return [
        (hours(move), move.kind, move.subject)
        for move, _, _ in progress.news
        if move.kind not in SILENT
    ][1:]


def hours(move: Move) -> float:
    return (move.at - after(0)).total_seconds() / 3600


CONTACTED = [
    a_fact(1, "outreach.answered/delivered"),
    a_fact(5, "outreach.answered/replied"),
    a_fact(5, "outreach.answered/cause", detail="price"),
    a_fact(6, "outreach.answered/offer", detail="10 %"),
]
ALL_DONE = [
    (1, "done", "supervisor"),
    (5, "done", "contact"),
    (5, "done", "cause"),
    (6, "done", "offer"),
]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(
            [],
            [
                (2, "breached", "supervisor"),
                (24, "breached", "contact"),
                (24, "breached", "cause"),
                (24, "breached", "offer"),
                (WINDOW, "closed", "lost"),
            ],
            id="nobody does anything: every step is missed, the case is lost",
        ),
        pytest.param(
            CONTACTED, [*ALL_DONE, (WINDOW, "closed", "lost")], id="all done in time, yet lost"
        ),
        pytest.param(
            [*CONTACTED, a_fact(100, "purchase.completed")],
            [*ALL_DONE, (100, "closed", "saved")],
            id="all done, and the customer buys again",
        ),
        pytest.param(
            [a_fact(1, "order.placed")],
            [(1, "done", "contact"), (1, "closed", "saved")],
            id="saved before any deadline: it is the reply, too, and nothing was missed",
        ),
        pytest.param(
            [*CONTACTED[:1], a_fact(24, "call.completed")],
            [
                (1, "done", "supervisor"),
                (24, "done", "contact"),
                (24, "breached", "cause"),
                (24, "breached", "offer"),
                (WINDOW, "closed", "lost"),
            ],
            id="contact at the very deadline is in time",
        ),
        pytest.param(
            [*CONTACTED[:1], a_fact(24.5, "call.completed"), a_fact(30, "sms.replied")],
            [
                (1, "done", "supervisor"),
                (24, "breached", "contact"),
                (24, "breached", "cause"),
                (24, "breached", "offer"),
                (24.5, "done", "contact"),
                (WINDOW, "closed", "lost"),
            ],
            id="late contact is missed first and done then, once",
        ),
        pytest.param(
            [a_fact(0, "purchase.completed"), a_fact(-1, "sms.replied"), *CONTACTED],
            [*ALL_DONE, (WINDOW, "closed", "lost")],
            id="what came before the warning, or with it, doesn't answer it",
        ),
        pytest.param(
            [*CONTACTED, a_fact(WINDOW, "purchase.completed")],
            [*ALL_DONE, (WINDOW, "closed", "saved")],
            id="bought in the window's last instant: saved",
        ),
        pytest.param(
            [*CONTACTED, a_fact(WINDOW + 1, "purchase.completed")],
            [*ALL_DONE, (WINDOW, "closed", "lost")],
            id="bought after the window: lost",
        ),
        pytest.param(
            [a_fact(1.5, "outreach.answered/opted_out"), a_fact(3, "purchase.completed")],
            [(1.5, "closed", "withdrawn")],
            id="asked to be left alone: withdrawn, and no deadline is missed",
        ),
    ],
)
def test_what_a_case_comes_to(facts: list[Fact], expected: list[tuple[float, str, str]]) -> None:
    family = a_family(*reversed(facts), entries=[a_warning()])
    assert said(family, after(WINDOW + 100)) == expected


def test_the_opening_fixes_every_deadline_and_names_its_reasons() -> None:
    progress = advanced(a_family(entries=[a_warning()]), 0)
    news = progress.news[0]
    assert (news.move.kind, news.move.at, news.holder) == ("opened", after(0), "A")
    [case] = progress.family.cases
    assert case.id == "A-retention-5"
    assert case.reasons == ("risk/high", "2 complaints")
    assert {name: step.due_at for name, step in case.steps.items()} == {
        "contact": after(24),
        "cause": after(24),
        "offer": after(24),
        "outreach": after(24),
        "supervisor": after(2),
    }
    assert progress.next_at == after(2)


def test_cause_and_offer_are_kept_with_their_step() -> None:
    family = a_family(*CONTACTED, entries=[a_warning()])
    progress = advanced(family, 10)
    [case] = progress.family.cases
    assert (case.steps["cause"].detail, case.steps["offer"].detail) == ("price", "10 %")
    loud = [news.case.version for news in progress.news if news.move.kind not in SILENT]
    assert loud == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("trigger", "tier", "expected"),
    [
        pytest.param("risk/high", "edge", "opened", id="high risk: every tier"),
        pytest.param("need/dormant", "potential", "opened", id="silent, worth keeping"),
        pytest.param(
            "need/dormant", "basic", "condition_unmet", id="silent, not worth a supervisor"
        ),
        pytest.param("risk/high", None, "condition_unmet", id="no tier known"),
    ],
)
def test_whom_a_warning_is_worth_a_case(trigger: str, tier: str | None, expected: str) -> None:
    warning, family = a_warning(trigger=trigger), a_family(tier=tier)
    assert decide(warning, family, RETENTION) == expected
    is_out = is_out_of_question(warning, family.rulings.get("A", ()), POLICY)
    assert is_out == (expected == "condition_unmet"), "known before its instant has come"


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        pytest.param(10, "case_open", id="while the case is open"),
        pytest.param(100, "cool_down", id="at the instant it ends"),
        pytest.param(100 + COOL_DOWN - 1, "cool_down", id="an hour before the peace is over"),
        pytest.param(100 + COOL_DOWN, "opened", id="when the peace is over"),
    ],
)
def test_one_open_case_then_a_time_of_peace(hours: float, expected: str) -> None:
    family = a_family(
        a_fact(100, "purchase.completed"),
        entries=[a_warning(), a_warning(hours, version=6, trigger="need/dormant")],
    )
    progress = advanced(family, hours)
    assert [outcome for _, outcome in progress.decided] == ["opened", expected]


B_INTO_A = Alias("B", "A", after(10))


def test_two_customers_found_to_be_one_keep_the_older_case() -> None:
    family = a_family(
        aliases=(B_INTO_A,),
        cases=[a_case(3, number="A"), a_case(1, number="B")],
    )
    progress = advanced(family, 10)
    closed = [news for news in progress.news if news.move.kind == "closed"]
    assert [(n.case.id, n.case.status, n.move.at, n.holder) for n in closed] == [
        ("A-retention-5", "withdrawn", after(10), "A")
    ]
    assert closed[0].case.closed_reason == "customer has the older case B-retention-5"


def test_a_case_that_ended_before_the_merge_withdraws_nothing() -> None:
    family = a_family(
        a_fact(9, "purchase.completed", number="B"),
        aliases=(B_INTO_A,),
        cases=[a_case(3, number="A"), a_case(1, number="B")],
    )
    progress = advanced(family, 23)
    status = {case.id: case.status for case in progress.family.cases}
    assert status == {"A-retention-5": "saved", "B-retention-5": "saved"}
    ends = {news.case.id: news.move.at for news in progress.news if news.move.kind == "closed"}
    assert ends == {"B-retention-5": after(9), "A-retention-5": after(10)}, (
        "B's purchase is A's once we know it"
    )


def test_what_the_other_number_did_before_the_case_opened_saves_nobody() -> None:
    family = a_family(
        a_fact(2, "purchase.completed", number="B"),
        a_fact(2.5, "call.completed", number="B"),
        a_fact(20, "purchase.completed", number="B"),
        aliases=(B_INTO_A,),
        cases=[a_case(3, number="A")],
    )
    [case] = advanced(family, 30).family.cases
    assert (case.status, case.closed_at) == ("saved", after(20)), "by what came after it"
    assert case.steps["contact"].done_at == after(20)


def test_an_event_names_the_customer_as_known_at_its_instant() -> None:
    family = a_family(aliases=(B_INTO_A,), cases=[a_case(1, number="B")])
    progress = advanced(family, 30)
    holders = [(hours(n.move), n.holder) for n in progress.news if n.move.kind not in SILENT]
    assert holders == [(3, "B"), (25, "A"), (25, "A"), (25, "A")]


def test_numbers_joined_over_two_merges() -> None:
    family = a_family(aliases=(B_INTO_A, Alias("C", "B", after(4)), Alias("A", "D", after(20))))
    assert family.root == "D"
    assert family.joined_at("C", "B") == after(4)
    assert family.joined_at("A", "C") == after(10)
    assert family.joined_at("C", "D") == after(20)
    assert family.holder("C", after(5)) == "B"


def test_the_next_instant_is_exact() -> None:
    progress = advanced(a_family(a_fact(20, "call.completed"), cases=[a_case()]), 0)
    family, at = progress.family, progress.next_at
    instants = []
    while at is not None:
        instants.append(at)
        before = advance(
            family,
            until=at.replace(microsecond=0) - (after(1) - after(0)) / 3600,
            book=BOOK,
        )
        assert not before.news, "nothing is said a second earlier"
        progress = advance(family, until=at, book=BOOK)
        family, at = progress.family, progress.next_at
    assert instants == [after(2), after(20), after(24), after(WINDOW)]
