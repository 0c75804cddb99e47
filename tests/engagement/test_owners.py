"""Whose work it is (CARE-7): it follows the account manager, and the deputy while they are away."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careline_contracts.topics import CASE_CHANGES, REMINDERS
from careline_engagement.model import ALWAYS, Absence, Entry, Family, Record, Ruling
from careline_engagement.rules import News, advance
from careline_engagement.rules.agenda import agenda_of
from careline_engagement.rules.owners import owner_of
from tests.engagement.by_hand import a_book, after, fresh_engagement, shipped_with

BOOK = a_book(shipped_with("account-call"))


def away(
    owner: str, begins: float, ends: float, deputy: str, *, said: float = -99, name: str = "leave"
) -> Absence:
    at = after(said)
    return Absence(owner, name, at, f"{owner}@{said}", after(begins), after(ends), deputy)


def a_family(
    managers: Sequence[tuple[float, str]] = ((-99, "li"),),
    absences: Sequence[Absence] = (),
    entries: Sequence[Entry] = (),
) -> Family:
    records = [
        Record(after(hours), n, ALWAYS, {"account_manager": name} if name else {})
        for n, (hours, name) in enumerate(managers)
    ]
    by_owner = {a.owner: [one for one in absences if one.owner == a.owner] for a in absences}
    rulings = {"A": [Ruling(1, ALWAYS, "tier", "core")]}
    return Family(
        frozenset("A"),
        {},
        entries=entries,
        rulings=rulings,
        records={"A": records},
        absences=by_owner,
    )


@pytest.mark.parametrize(
    ("absences", "expected"),
    [
        pytest.param([], "li", id="nobody is away"),
        pytest.param([away("li", -1, 1, "chen")], "chen", id="the deputy"),
        pytest.param([away("li", 0, 1, "chen")], "chen", id="from the first instant"),
        pytest.param([away("li", -1, 0, "chen")], "li", id="back at the last"),
        pytest.param([away("li", -1, 1, "chen", said=1)], "li", id="not said yet"),
        pytest.param(
            [away("li", -1, 1, "chen"), away("chen", -1, 1, "wu")], "wu", id="away, too: the next"
        ),
        pytest.param(
            [away("li", -1, 1, "chen"), away("chen", -1, 1, "li")],
            "li",
            id="each for the other: it stays",
        ),
        pytest.param(
            [away("li", -1, 9, "chen"), away("li", -1, -1, "chen", said=-2)],
            "li",
            id="called off: the later word holds",
        ),
        pytest.param(
            [away("li", -5, 9, "chen"), away("li", -1, 9, "wu", name="ill")],
            "chen",
            id="two reasons to be away: the first one's deputy has it already",
        ),
    ],
)
def test_who_looks_after_a_customer(absences: list[Absence], expected: str) -> None:
    assert owner_of(a_family(absences=absences), "A", after(0)) == expected


def test_nobody_does_where_the_record_names_nobody() -> None:
    assert owner_of(a_family(managers=[(-99, "")]), "A", after(0)) is None


DUE = Entry("A", "account-call", "1", after(0), "moment/contact_due", "", 0, (), "e1")


@pytest.mark.parametrize(
    ("managers", "absences", "expected"),
    [
        pytest.param([(-9, "li")], [], [], id="it stays with whose it is"),
        pytest.param(
            [(-9, "li")],
            [away("li", 10, 30, "chen")],
            [(10, "chen", "away li"), (30, "li", "back chen")],
            id="away, and back",
        ),
        pytest.param(
            [(-9, "li"), (20, "zhao")],
            [],
            [(20, "zhao", "reassigned li")],
            id="the record names another",
        ),
        pytest.param(
            [(-9, "li"), (20, "")], [], [(20, "", "reassigned li")], id="or nobody any more"
        ),
        pytest.param(
            [(-9, "li"), (20, "zhao")],
            [away("li", 10, 30, "chen")],
            [(10, "chen", "away li"), (20, "zhao", "reassigned chen")],
            id="another while away: the return is none",
        ),
        pytest.param(
            [(-9, "li")],
            [away("li", 10, 30, "chen"), away("chen", 15, 20, "wu")],
            [
                (10, "chen", "away li"),
                (15, "wu", "away chen"),
                (20, "chen", "away wu"),
                (30, "li", "back chen"),
            ],
            id="the deputy is away for a while",
        ),
        pytest.param(
            [(-9, "li")],
            [away("li", -5, 500, "chen")],
            [],
            id="away before it began: the deputy has it from the start",
        ),
        pytest.param(
            [(-9, "li")], [away("li", 400, 500, "chen")], [], id="when it is over: nothing"
        ),
    ],
)
def test_a_case_changes_hands_at_the_very_instant(
    managers: list[tuple[float, str]],
    absences: list[Absence],
    expected: list[tuple[float, str, str]],
) -> None:
    family = a_family(managers, absences, [DUE])
    whole = advance(family, until=after(24 * 30), book=BOOK)
    assert moved(whole.news) == expected
    # whatever the ticks: what is said once is not said again
    step, news = family, list[News]()
    for hours in range(0, 24 * 30, 5):
        progress = advance(step, until=after(hours), book=BOOK)
        step, news = progress.family, [*news, *progress.news]
    assert moved(news) == expected


hours = st.integers(-5, 40).map(lambda n: n * 5.0)
people = st.sampled_from(["li", "chen", "wu"])
absences_said = st.lists(
    st.builds(
        lambda owner, deputy, said, begins, lasts, name: away(
            owner, begins, begins + lasts, deputy, said=said, name=name
        ),
        people,
        people,
        hours,
        hours,
        st.sampled_from([0, 5, 30, 100]),
        st.sampled_from(["leave", "ill"]),
    ),
    max_size=6,
)
managers_named = st.lists(st.tuples(hours, st.sampled_from(["li", "chen", ""])), max_size=3)


@given(managers_named, absences_said, st.sampled_from([1, 7, 60, 300]))
@settings(max_examples=60)
def test_the_work_is_always_where_it_belongs_whatever_was_heard_when(
    managers: list[tuple[float, str]], absences: list[Absence], tick_hours: int
) -> None:
    named = sorted({-9.0: "li", **dict(managers)}.items())
    whole = advance(a_family(named, sorted(absences), [DUE]), until=after(200), book=BOOK)
    [case] = whole.family.cases
    assert (case.owner or None) == owner_of(whole.family, "A", after(200))
    for (_, to, why), (_, after_to, after_why) in pairwise(moved(whole.news)):
        assert to != after_to and after_why.endswith(f" {to}"), why

    # what is said between two ticks is known at the second, and not before
    step, news = a_family([], [], [DUE]), list[News]()
    for now in [*range(0, 200, tick_hours), 200]:
        known = a_family(
            [one for one in named if one[0] <= now],
            [one for one in sorted(absences) if one.at <= after(now)],
        )
        step = step._replace(records=known.records, absences=known.absences)
        progress = advance(step, until=after(now), book=BOOK)
        step, news = progress.family, [*news, *progress.news]
    assert moved(news) == moved(whole.news)


def moved(news: Sequence[News]) -> list[tuple[float, str, str]]:
    return [
        ((n.move.at - after(0)) / timedelta(hours=1), n.move.subject, n.move.detail)
        for n in news
        if n.move.kind == "handed_over"
    ]


@pytest.mark.stack
@pytest.mark.parametrize("noted_first", [True, False], ids=["planned leave", "ill overnight"])
async def test_open_work_moves_to_the_deputy_and_back(admin_url: str, *, noted_first: bool) -> None:
    async with fresh_engagement(admin_url, "account-call") as engagement:
        leave = engagement.absence("li", -1 if noted_first else 3, 4, 30, deputy="chen")
        known = [
            engagement.customer("A", -300, account_manager="li"),
            engagement.tier("A", 0, "core"),
        ]
        await engagement.hear([*([leave] if noted_first else []), *known])
        await engagement.tick(after(2))
        if not noted_first:
            await engagement.hear([leave])
        await engagement.tick(after(31))

        changes = await engagement.said_on(CASE_CHANGES)
        handed = [c for c in changes if "to_owner" in c]
        assert [(c["from_owner"], c["to_owner"], c["reason"]) for c in handed] == [
            ("li", "chen", "away"),
            ("chen", "li", "back"),
        ]
        assert [datetime.fromisoformat(c["as_of"]) for c in handed] == [after(4), after(30)]
        assert [c["version"] for c in changes] == list(range(1, len(changes) + 1))
        reminders = await engagement.said_on(REMINDERS)
        assert [r["owner"] for r in reminders] == ["li", "chen", "li"]
        assert "call the customer" in reminders[1]["reason"]
        assert reminders[0]["script"] == "monthly-call"
        assert reminders[0]["body"].startswith("$name您好")
        assert reminders[1]["due_at"] == reminders[0]["due_at"], "the deadline stays"


def test_what_is_asked_of_a_supervisor_is_not_in_the_owners_calendar() -> None:
    book = a_book(shipped_with("retention"))
    warned = Entry("A", "retention", "1-risk", after(0), "risk/high", "", 1, ("risk/high",), "e1")
    family = a_family(entries=[warned])
    family = family._replace(
        rulings={"A": [*family.rulings["A"], Ruling(1, after(0), "risk", "high")]}
    )
    opened = advance(family, until=after(0.5), book=book).family
    owners = {task.step: task.owner for task in agenda_of(opened, after(1), book).open}
    assert owners == {"supervisor": None, "contact": "li", "cause": "li", "offer": "li"}
