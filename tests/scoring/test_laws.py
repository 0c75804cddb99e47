"""Laws that hold for any facts: exact change days, facts that commute, plain counting agrees."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careline_runtime.policy import Loaded, parse_policy
from careline_scoring.model import NEVER, NO_HOUR, TIERS, Decision, Fact, History
from careline_scoring.policy import ScoringPolicy
from careline_scoring.rules import Rulebook
from careline_scoring.rules.advice import ways_up
from careline_scoring.rules.forecast import decisions_to_come
from careline_scoring.rules.ledger import ledger
from careline_scoring.rules.reasons import reasons as why
from careline_scoring.rules.tags import LEVELS, VALUES
from tests.scoring.facts import bought

TODAY = date(2024, 6, 1).toordinal()
FAR = 1200  # days after which nothing can move: the longest window is 365, tenure ends at 1095

KINDS = st.sampled_from(
    [
        *["purchase.completed"] * 4,
        "order.placed",
        "purchase.returned",
        "enquiry.made",
        "chat-session.closed",
        "feature.used",
        "complaint.raised",
        "sms.delivered",
        "sms.replied",
        "payment.received/punctual",
        "payment.received/late",
        "referral.made/open",
        "referral.made/converted",
        "answer.given",
        "post.published",
        "survey.answered",
        "call.missed/outbound",
        "ticket.breached/resolution",
        "ticket.rated/9",
        "ticket.rated/3",
    ]
)
AMOUNTS = st.sampled_from([0, 9_999, 10_000, 50_000, 99_999, 1_000_000, 2_500_000, 12_000_000])


@st.composite
def facts(draw: st.DrawFn) -> Fact:
    kind = draw(KINDS)
    day = TODAY - draw(st.one_of(st.integers(0, 120), st.integers(0, 800)))
    currency, amount = "", 0
    if kind.startswith(("purchase.", "order.")):
        currency = draw(st.sampled_from(["CNY", "CNY", "USD", "XXX"]))
        amount = draw(AMOUNTS)
    return Fact(
        day,
        kind,
        currency,
        draw(st.integers(1, 3)),
        amount,
        channel=draw(st.sampled_from(["phone", "chat", ""])),
        product=draw(st.sampled_from(["phone", "insurance", "", ""])),
        hour=draw(st.sampled_from([NO_HOUR, 3, 9, 20])),
    )


histories = st.lists(facts(), min_size=1, max_size=25)


def verdicts(decision: Decision) -> tuple[object, ...]:
    """What a subscriber would see of it."""
    return decision[1:-1]


@given(known=histories, ahead=st.integers(0, 400))
@settings(max_examples=300)
def test_a_decision_holds_until_its_change_day_and_differs_on_it(
    rulebook: Rulebook, known: list[Fact], ahead: int
) -> None:
    history = rulebook.evidence.history(known)
    now = rulebook.decide(history, TODAY + ahead)
    until = min(now.change_day, TODAY + ahead + FAR)
    for day in range(now.day + 1, until):
        assert verdicts(rulebook.decide(history, day)) == verdicts(now), date.fromordinal(day)
    if now.change_day != NEVER:
        assert verdicts(rulebook.decide(history, now.change_day)) != verdicts(now)


@given(known=histories, ahead=st.integers(0, 400))
@settings(max_examples=200)
def test_each_reading_tag_and_tier_names_its_own_change_day(
    rulebook: Rulebook, known: list[Fact], ahead: int
) -> None:
    history, today = rulebook.evidence.history(known), TODAY + ahead

    def all_on(day: int) -> list[tuple[object, int]]:
        return [
            *((reading.points, reading.change_day) for reading in rulebook.readings(history, day)),
            *(
                (verdict.name, verdict.change_day)
                for verdict in (
                    rulebook.tags.need(history, day),
                    rulebook.tags.risk(history, day),
                    rulebook.tiers.tier(history, day),
                )
            ),
            rulebook.habits.life_cycle(history, day),
            rulebook.habits.preferred(history, day),
        ]

    for index, (now, change_day) in enumerate(all_on(today)):
        if change_day == NEVER:
            assert all_on(today + FAR)[index][0] == now
        else:
            assert all_on(change_day - 1)[index][0] == now
            assert all_on(change_day)[index][0] != now


@given(
    steps=st.lists(st.tuples(st.integers(0, 60), st.lists(facts(), max_size=3)), max_size=12),
    first=facts(),
)
@settings(max_examples=300)
def test_what_was_answered_before_is_what_would_be_answered_now(
    rulebook: Rulebook, steps: list[tuple[int, list[Fact]]], first: Fact
) -> None:
    """One history through days and facts, late ones too, against one made afresh each time."""
    facts_so_far = [first]
    kept, day = rulebook.evidence.history(facts_so_far), TODAY
    for days, more in steps:
        day += days
        for fact in more:
            rulebook.evidence.fold(kept, fact)
        facts_so_far += more
        fresh = rulebook.evidence.history(facts_so_far)
        assert rulebook.decide(kept, day) == rulebook.decide(fresh, day)


@given(known=histories, seed=st.randoms(use_true_random=False))
@settings(max_examples=100)
def test_the_order_of_facts_does_not_matter(
    rulebook: Rulebook, known: list[Fact], seed: "object"
) -> None:
    shuffled = list(known)
    seed.shuffle(shuffled)  # type: ignore[attr-defined]
    assert rulebook.decide(rulebook.evidence.history(shuffled), TODAY) == rulebook.decide(
        rulebook.evidence.history(known), TODAY
    )


@given(known=histories)
@settings(max_examples=100)
def test_a_day_decides_by_facts_up_to_that_day(rulebook: Rulebook, known: list[Fact]) -> None:
    day = TODAY - 40
    past = [fact for fact in known if fact.day <= day]
    if past:
        with_later = rulebook.decide(rulebook.evidence.history(known), day)
        assert verdicts(with_later) == verdicts(
            rulebook.decide(rulebook.evidence.history(past), day)
        )


@given(known=histories)
@settings(max_examples=100)
def test_points_stay_within_the_weights(rulebook: Rulebook, known: list[Fact]) -> None:
    decision = rulebook.decide(rulebook.evidence.history(known), TODAY)
    by_dimension = rulebook.dimensions(decision.points)
    for name, dimension in rulebook.policy.score.items():
        assert 0 <= by_dimension[name] <= dimension.weight
    assert sum(by_dimension.values()) * 100 == decision.total


@given(known=histories)
@settings(max_examples=150)
def test_the_tier_is_the_best_of_the_held_days(rulebook: Rulebook, known: list[Fact]) -> None:
    history = rulebook.evidence.history(known)
    best = max(
        TIERS.index(_tier_by_counting(rulebook, known, TODAY, day))
        for day in range(TODAY - 29, TODAY + 1)
    )
    assert rulebook.tiers.tier(history, TODAY).name == TIERS[best]


def _tier_by_counting(rulebook: Rulebook, known: list[Fact], today: int, day: int) -> str:
    """The matrix on one day, counted the plain way."""
    rates = {"CNY": 1.0, "USD": 7.2}
    spend, purchases = 0.0, []
    for fact in known:
        if fact.kind not in ("purchase.completed", "order.placed", "purchase.returned"):
            continue
        if fact.kind != "purchase.returned" and fact.day <= day:
            purchases += [fact.day] * fact.times
        if day - 365 < fact.day <= day:
            sign = -1 if fact.kind == "purchase.returned" else 1
            spend += sign * fact.amount_minor * rates.get(fact.currency, 0)
    repurchases = sum(bought > day - 365 for bought in sorted(purchases)[1:])
    value = "high" if spend >= 10_000_000 else "mid" if spend >= 2_000_000 else "low"
    sticky = "high" if repurchases >= 5 else "low"
    tier: str = getattr(getattr(rulebook.policy.tier.matrix, value), sticky)
    return tier


@given(known=histories)
@settings(max_examples=200)
def test_the_ledger_sums_to_the_score(rulebook: Rulebook, known: list[Fact]) -> None:
    history = rulebook.evidence.history(known)
    decision, entries = rulebook.decide(history, TODAY), ledger(rulebook, history, TODAY)
    assert tuple(entry.points for entry in entries) == decision.points
    assert sum(entry.points for entry in entries) == decision.total
    for entry in entries:
        assert (entry.days is None) == (entry.segment is None) == (entry.value is None)


@given(known=histories)
@settings(max_examples=400)
def test_a_way_up_is_enough_and_nothing_less_is(rulebook: Rulebook, known: list[Fact]) -> None:
    history = rulebook.evidence.history(known)
    for way in ways_up(rulebook, history, TODAY):
        before, after = (
            verdict_rank(rulebook, known, way.verdict, day) for day in (TODAY, way.day)
        )
        if way.orders == 0:
            assert after > before  # time alone
            assert verdict_rank(rulebook, known, way.verdict, way.day - 1) == before
            continue
        lifted = bought_today(known, way.orders, way.amount_minor)
        assert named(rulebook, lifted, way.verdict) == way.to
        assert verdict_rank(rulebook, lifted, way.verdict, TODAY) > before
        for orders, amount in (
            (way.orders, way.amount_minor - 1),
            (way.orders - 1, way.amount_minor),
        ):
            if orders > 0 and amount >= 0:
                less = bought_today(known, orders, amount)
                assert verdict_rank(rulebook, less, way.verdict, TODAY) <= before


def bought_today(known: list[Fact], orders: int, amount_minor: int) -> list[Fact]:
    return [*known, Fact(TODAY, "purchase.completed", "CNY", orders, amount_minor)]


def named(rulebook: Rulebook, known: list[Fact], verdict: str, day: int = TODAY) -> str:
    name: str = getattr(rulebook.decide(rulebook.evidence.history(known), day), verdict)
    return name


def verdict_rank(rulebook: Rulebook, known: list[Fact], verdict: str, day: int) -> int:
    """The higher the better."""
    order = TIERS if verdict == "tier" else ("high", "medium", "low")
    return order.index(named(rulebook, known, verdict, day))


@given(known=histories)
@settings(max_examples=100)
def test_a_forecast_leaves_nothing_out(rulebook: Rulebook, known: list[Fact]) -> None:
    history = rulebook.evidence.history(known)
    days = {day: rulebook.decide(history, day) for day in range(TODAY, TODAY + 41)}
    differ = [day for day in days if day > TODAY and days[day][1:-1] != days[day - 1][1:-1]]
    found = list(decisions_to_come(rulebook, history, TODAY, until=TODAY + 40))
    assert [then.day for _, then in found] == differ
    assert all((days[now.day], days[then.day]) == (now, then) for now, then in found)


@pytest.fixture(scope="module")
def holding(shipped: Loaded[ScoringPolicy]) -> Rulebook:
    """The shipped policy, but value and risk are held for nine days."""
    text = shipped.text.replace("hold_days: 1 ", "hold_days: 9 ").replace(
        "hold_days: 1\n", "hold_days: 9\n"
    )
    policy = parse_policy(ScoringPolicy, text, path="holding.yaml").policy
    assert policy.tags.value.hold_days == policy.tags.risk.hold_days == 9
    return Rulebook(policy, version="holding")


@given(known=histories, ahead=st.integers(0, 200))
@settings(max_examples=60)
def test_what_is_held_is_the_best_of_the_last_days(
    rulebook: Rulebook, holding: Rulebook, known: list[Fact], ahead: int
) -> None:
    history, today = rulebook.evidence.history(known), TODAY + ahead
    now = holding.decide(holding.evidence.history(known), today)
    days = [rulebook.decide(history, day) for day in range(today - 8, today + 1)]
    assert now.risk == max((d.risk for d in days), key=LEVELS.index)
    assert now.value == max((d.value for d in days), key=VALUES.index)


@given(known=histories, ahead=st.integers(0, 200))
@settings(max_examples=60)
def test_a_held_decision_holds_until_its_change_day(
    holding: Rulebook, known: list[Fact], ahead: int
) -> None:
    history = holding.evidence.history(known)
    now = holding.decide(history, TODAY + ahead)
    for day in range(now.day + 1, min(now.change_day, now.day + 60)):
        assert verdicts(holding.decide(history, day)) == verdicts(now), date.fromordinal(day)
    if now.change_day != NEVER:
        assert verdicts(holding.decide(history, now.change_day)) != verdicts(now)
        why_value, why_risk = (why(name, holding, history, now) for name in ("value", "risk"))
        assert why_value and why_risk


def test_a_held_decision_about_a_day_before_all_facts(holding: Rulebook) -> None:
    history = holding.evidence.history([bought(10, 200_000)])
    before = holding.decide(history, TODAY - 20)
    assert (before.tier, before.value, before.risk) == ("edge", "normal", "low")


def test_an_empty_history_decides_without_evidence(rulebook: Rulebook) -> None:
    decision = rulebook.decide(History(), TODAY)
    assert (decision.tier, decision.need, decision.risk) == ("edge", "none", "low")
