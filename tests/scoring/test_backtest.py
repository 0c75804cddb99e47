"""The back-test decides as scoring does: no change, no difference; and it foretells."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from careline_runtime.policy import Loaded
from careline_scoring.backtest import Comparison, Entry, Playbook, Question, run, running
from careline_scoring.backtest.course import follow
from careline_scoring.model import Decision, Fact, Tags
from careline_scoring.policy import ScoringPolicy
from careline_scoring.rules import Rulebook
from tests.scoring.by_hand import NEW_YEAR, Scoring, noon
from tests.scoring.test_laws import TODAY, histories
from tests.scoring.test_policy_change import changed, generous

RETENTION = Playbook(
    "retention", [Entry("risk", "high", {"tier": frozenset({"edge", "basic"})})], days_apart=60
)
SPAN = 45


@pytest.fixture(scope="session")
def lenient() -> Rulebook:
    loaded = generous()
    return Rulebook(loaded.policy, version=loaded.version)


def in_order(facts: Sequence[Fact]) -> list[Fact]:
    return sorted(facts, key=lambda fact: fact.day)


def verdicts(decision: Decision) -> tuple[str, ...]:
    return decision.tier, decision.value, decision.need, decision.risk


@given(known=histories)
@settings(max_examples=150)
def test_following_a_customer_is_deciding_anew_on_every_day(
    rulebook: Rulebook, known: list[Fact]
) -> None:
    course = follow(rulebook, in_order(known), first_day=TODAY - SPAN, last_day=TODAY)
    decided = {
        day: rulebook.decide(rulebook.evidence.history(past), day)
        for day in range(TODAY - SPAN, TODAY + 1)
        if (past := [fact for fact in known if fact.day <= day])
    }
    assert course is not None, "every history has a fact by today"
    days = list(decided)
    moved = [days[0]] if days[0] > TODAY - SPAN else []
    moved += [d for d in days[1:] if verdicts(decided[d]) != verdicts(decided[d - 1])]
    assert [move.after.day for move in course.moves] == moved
    assert all(verdicts(m.after) == verdicts(decided[m.after.day]) for m in course.moves)
    assert (verdicts(course.now), course.now.points) == (
        verdicts(decided[TODAY]),
        decided[TODAY].points,
    )
    assert (course.then is None) == (TODAY - SPAN not in decided)


@given(everybody=st.lists(histories, max_size=8))
@settings(max_examples=40)
def test_the_live_policy_as_candidate_differs_in_nothing(
    rulebook: Rulebook, everybody: list[list[Fact]]
) -> None:
    found = compared(rulebook, rulebook, everybody)

    assert found.customers == len(everybody)
    assert found.moved == found.scores_changed == 0
    assert all(live == now for flow in found.flows.values() for live, now in flow)
    assert not (found.causes or found.measures or found.tags or found.samples)
    for name in {name for _, name in found.triggered}:
        assert found.triggered["live", name] == found.triggered["candidate", name]


@given(everybody=st.lists(histories, max_size=8), cut=st.integers(0, 8))
@settings(max_examples=40)
def test_parts_add_up_to_the_whole(
    rulebook: Rulebook, lenient: Rulebook, everybody: list[list[Fact]], cut: int
) -> None:
    whole = compared(rulebook, lenient, everybody)
    last = compared(rulebook, lenient, everybody[cut:], first_number=cut)
    last.merge(compared(rulebook, lenient, everybody[:cut]))

    assert last == whole


def compared(
    live: Rulebook,
    candidate: Rulebook,
    everybody: list[list[Fact]],
    *,
    first_number: int = 0,
    record: Tags = (),
) -> Comparison:
    found = Comparison([RETENTION])
    for number, known in enumerate(everybody, first_number):
        courses = [
            follow(rules, in_order(known), first_day=TODAY - SPAN, last_day=TODAY)
            for rules in (live, candidate)
        ]
        assert courses[0] is not None and courses[1] is not None
        both = (courses[0], courses[1])
        found.add(f"C-{number}", (live, candidate), both, day=TODAY, record=record)
    return found


def complaints(*days_ago: int) -> list[Fact]:
    return [Fact(TODAY - ago, "complaint.raised", "", 1, 0) for ago in reversed(days_ago)]


@pytest.mark.parametrize(
    ("facts", "warnings", "cases"),
    [
        pytest.param(complaints(20, 10), 1, 1, id="the second complaint warns"),
        pytest.param(complaints(20), 0, 0, id="one does not"),
        pytest.param(complaints(100, 90, 20, 10), 0, 0, id="who was at risk before is not new"),
        pytest.param(complaints(120, 44, 10), 2, 1, id="a second one soon after begins nothing"),
    ],
)
def test_what_it_would_have_set_off(
    rulebook: Rulebook, facts: list[Fact], warnings: int, cases: int
) -> None:
    found = compared(rulebook, rulebook, [facts])

    assert found.triggered["live", "risk/high"] == warnings
    assert found.triggered["live", "retention"] == cases


def test_a_planted_change_moves_whom_it_must_and_says_why(
    rulebook: Rulebook, lenient: Rulebook
) -> None:
    def bought(yuan: int) -> list[Fact]:
        return [Fact(TODAY - 10, "purchase.completed", "CNY", 1, yuan * 100)]

    found = compared(rulebook, lenient, [bought(199), bought(200), bought(299), bought(300)])

    assert found.flows["tier"] == Counter(
        {("edge", "edge"): 1, ("edge", "basic"): 2, ("edge", "potential"): 1}
    )
    assert found.moved == 3
    assert {tuple(cause): n for cause, n in found.causes.items()} == {
        ("value", "low", "mid"): 2,
        ("value", "low", "high"): 1,
    }
    first = found.samples[0]
    assert (first.customer, first.live, first.candidate) == ("C-1", "edge", "basic")
    assert first.reasons["candidate"]["en"][0] == "mid value: spend 200.00 CNY in 365 days"
    assert "价值" in first.reasons["candidate"]["zh"][0]


def test_holding_and_matrix_are_causes_of_their_own(rulebook: Rulebook) -> None:
    def by(*replacements: tuple[str, str]) -> Comparison:
        loaded: Loaded[ScoringPolicy] = changed(*replacements, version="other")
        other = Rulebook(loaded.policy, version=loaded.version)
        return compared(rulebook, other, [left])

    # the spend of 20,000 yuan has left the year ten days ago: basic is held for a month
    left = [Fact(TODAY - 375, "purchase.completed", "CNY", 1, 20_000 * 100)]
    [held] = by(("hold_days: 30", "hold_days: 5")).causes
    assert tuple(held) == ("holding", "basic", "edge")

    left = [Fact(TODAY - 10, "purchase.completed", "CNY", 1, 20_000 * 100)]
    low = "mid: { high: potential, low: "
    [matrix] = by((f"{low}basic", f"{low}potential")).causes
    assert tuple(matrix) == ("matrix", "basic", "potential")


def test_tags_that_come_and_go_are_counted_by_value(rulebook: Rulebook) -> None:
    replaced = (
        ("channel: { of: [contact], at_least: 3", "channel: { of: [contact], at_least: 2"),
        ("silent_days: 90 } # as TAG-2", "silent_days: 30 } # as TAG-2"),
    )
    eager = Rulebook(changed(*replaced, version="eager").policy, version="eager")
    visits = [Fact(TODAY - ago, "app-session.started", "", 1, 0, channel="app") for ago in (50, 40)]
    bought = Fact(TODAY - 60, "purchase.completed", "CNY", 1, 100, channel="store")

    assert compared(rulebook, eager, [visits, [bought, *visits]]).tags == {
        ("channel", "app", 1): 2,
        ("life_cycle", "active", -1): 1,
        ("life_cycle", "dormant", 1): 1,
    }


def test_who_is_handled_otherwise_is_counted(rulebook: Rulebook) -> None:
    handled = ("vip: [person_at_once, priority_lane]", "vip: [slow_script]")
    patient = Rulebook(changed(handled, version="patient").policy, version="patient")
    record: Tags = (("care", ("vip",)),)
    assert compared(rulebook, patient, [complaints(1)], record=record).tags == {
        ("handling", "person_at_once", -1): 1,
        ("handling", "priority_lane", -1): 1,
        ("handling", "slow_script", 1): 1,
    }


@pytest.mark.stack
async def test_it_foretells_what_publishing_does(
    scoring: Scoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "CUSTOMERS_A_RANGE", 7)
    for n in range(20):
        await scoring.hear([scoring.purchase(f"C-{n:02}", 20 * n, day=n)])
    await scoring.hear([scoring.merge("C-10", "C-11", day=30)])
    await scoring.tick(noon(40))
    last_day = (NEW_YEAR.date() + timedelta(days=40)).toordinal()
    before = await tiers(scoring)
    live = scoring.timeline.editions[0].text
    question = Question(live, generous().text, last_day - 30, last_day, [RETENTION])
    url = scoring.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    seen: list[int] = []
    found = await in_thread(url, question, seen)

    await scoring.hear([scoring.policy(generous(), day=40)])
    await scoring.tick(noon(40))

    assert found.customers == seen[-1] == 19 and len(seen) == 3
    assert found.now("live", "tier") == before
    assert found.now("candidate", "tier") == await tiers(scoring) != before


async def in_thread(url: str, question: Question, seen: list[int]) -> Comparison:
    return await asyncio.to_thread(run, url, question, progress=seen.append)


async def tiers(scoring: Scoring) -> Counter[str]:
    query = text("SELECT tier FROM customers WHERE merged_into IS NULL")
    async with scoring.engine.connect() as connection:
        return Counter((await connection.execute(query)).scalars())
