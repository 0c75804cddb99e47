"""The rules, each as a table of days and amounts on both sides of every line."""

from datetime import UTC, date, datetime
from decimal import Decimal
from string import Formatter
from typing import Any

import pytest

from careline_scoring.model import NEVER, Fact, Reading, kind_of
from careline_scoring.policy import ScoringPolicy
from careline_scoring.rules import Rulebook
from careline_scoring.rules.evidence import Calendar
from careline_scoring.rules.reasons import reasons as why
from careline_scoring.rules.reasons import tag_reasons as why_tag
from careline_scoring.rules.wording import WORDS

TODAY = date(2024, 6, 1).toordinal()
YUAN = 100


def bought(days_ago: int, yuan: int, *, currency: str = "CNY", times: int = 1) -> Fact:
    return Fact(TODAY - days_ago, "purchase.completed", currency, times, yuan * YUAN)


def returned(days_ago: int, yuan: int) -> Fact:
    return Fact(TODAY - days_ago, "purchase.returned", "CNY", 1, yuan * YUAN)


def did(kind: str, *days_ago: int, times: int = 1) -> list[Fact]:
    return [Fact(TODAY - ago, kind, "", times, 0) for ago in days_ago]


def reading(rulebook: Rulebook, measure: str, facts: list[Fact], *, day: int = TODAY) -> Reading:
    history = rulebook.evidence.history(facts)
    readings = zip(rulebook.measures, rulebook.readings(history, day), strict=True)
    return next(found for (_, asked), found in readings if asked.measure == measure)


def read(rulebook: Rulebook, measure: str, facts: list[Fact]) -> tuple[int | None, Decimal, int]:
    """Value, points, and in how many days the points change (0: never)."""
    value, points, change_day = reading(rulebook, measure, facts)
    ahead = 0 if change_day == NEVER else change_day - TODAY
    return value, Decimal(points) / 100, ahead


@pytest.mark.parametrize(
    ("measure", "facts", "expected"),
    [
        pytest.param("spend", [], (None, 0, 0), id="nothing bought"),
        pytest.param("spend", [bought(0, 999)], (999_00, 0, 0), id="just below the first step"),
        pytest.param("spend", [bought(0, 1_000)], (1_000_00, 4, 180), id="on the first step"),
        pytest.param("spend", [bought(179, 1_000)], (1_000_00, 4, 1), id="last day of the window"),
        pytest.param("spend", [bought(180, 1_000)], (None, 0, 0), id="out of the window"),
        pytest.param(
            "spend",
            [bought(100, 4_000), bought(10, 6_000)],
            (10_000_00, 12, 80),
            id="the oldest day leaves first",
        ),
        pytest.param(
            "spend",
            [bought(100, 1), bought(10, 10_000)],
            (10_001_00, 12, 170),
            id="a day that leaves without a change of points is passed over",
        ),
        pytest.param(
            "spend",
            [bought(20, 6_000), returned(10, 2_000)],
            (4_000_00, 4, 160),
            id="a return takes back",
        ),
        pytest.param(
            "spend", [returned(10, 2_000)], (-2_000_00, 0, 0), id="only a return: below nothing"
        ),
        pytest.param(
            "spend",
            [returned(20, 1_000), bought(10, 1_500)],
            (500_00, 0, 160),
            id="a return that leaves gives points back",
        ),
        pytest.param(
            "spend", [bought(0, 1_000, currency="USD")], (7_200_00, 8, 180), id="converted"
        ),
        pytest.param(
            "spend", [bought(0, 9_000, currency="KRW")], (0, 0, 0), id="no rate: no amount"
        ),
        pytest.param(
            "average_order_value",
            [bought(20, 600), bought(10, 400)],
            (500_00, 2, 160),
            id="net spend per order, lower once the dear one is gone",
        ),
        pytest.param(
            "average_order_value",
            [bought(10, 1_000), bought(10, 999)],
            (999_50, 2, 170),
            id="two orders on one day",
        ),
        pytest.param(
            "average_order_value", [returned(5, 100)], (None, 0, 0), id="a return is no order"
        ),
        pytest.param("orders", [bought(3, 0, times=2)], (2, 5, 177), id="two orders for nothing"),
        pytest.param("enquiries", did("enquiry.made", 89), (1, 4, 1), id="one, about to leave"),
        pytest.param(
            "enquiries",
            did("fault.reported/question", 1) + did("fault.reported/system_down", 1),
            (1, 4, 89),
            id="a question is an enquiry, a system down is not",
        ),
        pytest.param("complaints", [], (None, 10, 0), id="nobody complained: full, by policy"),
        pytest.param("complaints", did("complaint.raised", 0), (1, 5, 180), id="one costs half"),
        pytest.param("complaints", did("complaint.raised", 9, 5), (2, 0, 171), id="two cost all"),
        pytest.param(
            "feedback_speed", did("sms.delivered", 1), (None, 3, 2), id="asked, may still answer"
        ),
        pytest.param(
            "feedback_speed", did("sms.delivered", 3), (0, 0, 177), id="asked, too late to answer"
        ),
        pytest.param(
            "feedback_speed",
            did("sms.delivered", 3) + did("sms.replied", 1),
            (100, 6, 177),
            id="answered on the last day",
        ),
        pytest.param(
            "feedback_speed",
            did("sms.delivered", 9, 3) + did("sms.replied", 4, 3),
            (50, 6, 177),
            id="one of two in time",
        ),
        pytest.param(
            "activities", did("survey.answered", 2) + did("like.given", 2), (2, 3, 178), id="two"
        ),
        pytest.param(
            "feedback_speed",
            did("outreach.answered/delivered", 9) + did("outreach.answered/replied", 9),
            (100, 6, 171),
            id="an outreach answered on the day",
        ),
        pytest.param("tenure", did("like.given", 89), (89, 0, 1), id="tomorrow a quarter"),
        pytest.param("tenure", did("like.given", 90), (90, 2, 275), id="today a quarter"),
        pytest.param("tenure", did("like.given", 2_000), (2_000, 7, 0), id="at the top for good"),
        pytest.param("tenure", did("sms.delivered", 90), (None, 0, 0), id="our SMS is no contact"),
        pytest.param("repurchases", [bought(9, 1)], (0, 0, 0), id="the first is no repurchase"),
        pytest.param("repurchases", [bought(9, 1, times=2)], (1, 2, 356), id="second on one day"),
        pytest.param(
            "repurchases",
            [bought(364, 1), bought(200, 1), bought(100, 1), bought(9, 1)],
            (3, 4, 165),
            id="when the first leaves nothing changes",
        ),
        pytest.param(
            "repurchases", [bought(500, 1), bought(9, 1)], (1, 2, 356), id="the first was long ago"
        ),
        pytest.param("renewals", [], (None, 1, 0), id="no contract came to its end"),
        pytest.param(
            "renewals",
            did("contract.changed/renewed", 9, 400) + did("contract.changed/terminated", 700),
            (66, Decimal("1.32"), 30),
            id="two of three renewed, all once the third is old",
        ),
        pytest.param("payment_punctuality", [], (None, Decimal("2.5"), 0), id="nothing was due"),
        pytest.param(
            "payment_punctuality",
            did("payment.received/punctual", 9, times=8) + did("payment.received/late", 99),
            (88, Decimal("3.6"), 266),
            id="88 percent, 100 once the late one is gone",
        ),
        pytest.param("referrals", did("referral.made/open", 364), (1, 2, 1), id="one"),
        pytest.param(
            "converted_referrals", did("referral.made/converted", 1, 2), (2, 3, 363), id="both"
        ),
        pytest.param(
            "reviews",
            did("answer.given", 1) + did("post.published", 1),
            (1, 2, 364),
            id="both count",
        ),
    ],
)
def test_points_of_a_measure(
    rulebook: Rulebook, measure: str, facts: list[Fact], expected: tuple[Any, ...]
) -> None:
    assert read(rulebook, measure, facts) == expected


@pytest.mark.parametrize(
    ("facts", "need", "days"),
    [
        pytest.param(did("like.given", 89), "none", 1, id="not dormant on the 89th day"),
        pytest.param(did("like.given", 90), "dormant", 0, id="dormant on the 90th day"),
        pytest.param(
            did("like.given", 95) + did("sms.delivered", 1), "dormant", 0, id="our SMS doesn't wake"
        ),
        pytest.param(did("sms.delivered", 30), "none", 60, id="never in contact, known 30 days"),
        pytest.param(did("enquiry.made", 29, 3), "active", 1, id="two enquiries in a month"),
        pytest.param(
            did("enquiry.made", 29, 3, times=2), "active", 27, id="four, until the later two leave"
        ),
        pytest.param(did("enquiry.made", 30, 3), "latent", 87, id="one enquiry, nothing bought"),
        pytest.param(
            [*did("enquiry.made", 3), bought(2, 1)], "none", 88, id="interested and bought"
        ),
        pytest.param(
            [*did("enquiry.made", 3), bought(50, 1)],
            "none",
            40,
            id="latent again when the purchase is a quarter old",
        ),
        pytest.param(did("store.visited", 80), "latent", 10, id="latent, dormant in ten days"),
    ],
)
def test_need(rulebook: Rulebook, facts: list[Fact], need: str, days: int) -> None:
    verdict = rulebook.tags.need(rulebook.evidence.history(facts), TODAY)
    assert verdict == (need, TODAY + days if days else NEVER)


@pytest.mark.parametrize(
    ("facts", "risk", "days", "reasons"),
    [
        pytest.param(
            [bought(89, 500)], "low", 1, ["no sign of leaving"], id="until the quarter ends"
        ),
        pytest.param(
            [bought(100, 1_000), bought(10, 500)],
            "high",
            170,
            ["spend fell 50 %: 500.00 CNY in 90 days after 1000.00 CNY"],
            id="half is high, and stays: the later purchase is the next to fall",
        ),
        pytest.param(
            [bought(100, 1_000), bought(10, 501)],
            "medium",
            80,
            ["spend fell 49 %: 501.00 CNY in 90 days after 1000.00 CNY"],
            id="a little less than half is medium",
        ),
        pytest.param(
            [bought(100, 1_000), bought(10, 751)], "low", 80, ["no sign of leaving"], id="24.9 %"
        ),
        pytest.param([bought(100, 99)], "low", 0, ["no sign of leaving"], id="too little to fall"),
        pytest.param(
            [bought(179, 100)],
            "high",
            1,
            ["spend fell 100 %: 0.00 CNY in 90 days after 100.00 CNY"],
            id="the warning ends with the second quarter",
        ),
        pytest.param(
            did("complaint.raised", 89, 2),
            "high",
            1,
            ["2 complaints in 90 days"],
            id="two complaints, one about to leave",
        ),
        pytest.param(
            did("complaint.raised", 2), "medium", 88, ["1 complaint in 90 days"], id="one complaint"
        ),
        pytest.param(
            [bought(100, 1_000), *did("complaint.raised", 9, times=2)],
            "high",
            81,
            [
                "spend fell 100 %: 0.00 CNY in 90 days after 1000.00 CNY",
                "2 complaints in 90 days",
            ],
            id="both reasons are named; it ends with the later one",
        ),
    ],
)
def test_risk(
    rulebook: Rulebook, facts: list[Fact], risk: str, days: int, reasons: list[str]
) -> None:
    history = rulebook.evidence.history(facts)
    verdict = rulebook.tags.risk(history, TODAY)
    decision = rulebook.decide(history, TODAY)
    assert list(why("risk", rulebook, history, decision)) == reasons
    assert verdict == (risk, TODAY + days if days else NEVER)


def habit(*days_ago: int, kind: str = "app-session.started", **more: Any) -> list[Fact]:
    return [Fact(TODAY - ago, kind, "", 1, 0, **more) for ago in days_ago]


@pytest.mark.parametrize(
    ("facts", "tags", "days"),
    [
        pytest.param(habit(3), {"life_cycle": ("prospect",)}, 0, id="never bought"),
        pytest.param(
            [bought(100, 1), *habit(20)], {"life_cycle": ("active",)}, 70, id="in contact"
        ),
        pytest.param([bought(90, 1)], {"life_cycle": ("dormant",)}, 0, id="a quarter of silence"),
        pytest.param(
            habit(9, 5, 179, channel="app"),
            {"life_cycle": ("prospect",), "channel": ("app",)},
            1,
            id="three times by app, once of it about to leave",
        ),
        pytest.param(
            habit(9, 5, 180, channel="app"), {"life_cycle": ("prospect",)}, 0, id="twice only"
        ),
        pytest.param(
            habit(9, 5, 5, channel="chat") + habit(4, 4, 4, channel="app"),
            {"life_cycle": ("prospect",), "channel": ("app", "chat")},
            171,
            id="both, in alphabetical order, until the first of them ends",
        ),
        pytest.param(
            habit(9, 5, 5, 2, kind="sms.delivered", channel="sms"),
            {"life_cycle": ("prospect",)},
            0,
            id="what we did tells nothing of the customer",
        ),
        pytest.param(
            [
                bought(2, 1)._replace(product="phone"),
                *habit(9, kind="enquiry.made", product="phone"),
            ],
            {"life_cycle": ("active",), "product": ("phone",)},
            88,
            id="asked about and bought",
        ),
        pytest.param(
            habit(1, hour=7) + habit(2, hour=11) + habit(3, hour=9) + habit(1, 2, 3, hour=23),
            {"life_cycle": ("prospect",), "part_of_day": ("morning",)},
            177,
            id="mornings; the night is nobody's preference",
        ),
    ],
)
def test_life_cycle_and_preferences(
    rulebook: Rulebook, facts: list[Fact], tags: dict[str, Any], days: int
) -> None:
    history = rulebook.evidence.history(facts)
    (stage, stage_ends), (preferred, preferred_ends) = (
        rulebook.habits.life_cycle(history, TODAY),
        rulebook.habits.preferred(history, TODAY),
    )
    assert dict(stage + preferred) == tags
    assert min(stage_ends, preferred_ends) == (TODAY + days if days else NEVER)


def test_why_a_tag_is_carried(rulebook: Rulebook) -> None:
    history = rulebook.evidence.history([*habit(9, 5, 5, channel="app"), bought(400, 1)])
    decision = rulebook.decide(history, TODAY)
    assert why_tag("channel", rulebook, history, decision) == ("app: 3 times in 180 days",)
    assert why_tag("product", rulebook, history, decision) == ("nothing often enough in 365 days",)
    assert why_tag("life_cycle", rulebook, history, decision, "zh") == ("已购买，90 天内有互动",)
    assert why_tag("region", rulebook, history, decision) == ("as the customer's record says",)


def repurchases(count: int, *, days_ago: int = 10) -> list[Fact]:
    return [bought(days_ago, 0, times=count + 1)]


@pytest.mark.parametrize(
    ("facts", "tier", "days"),
    [
        pytest.param([], "edge", 0, id="every customer has a tier"),
        pytest.param([bought(0, 100_000), *repurchases(5)], "core", 384, id="high and high"),
        pytest.param([bought(0, 99_999), *repurchases(5)], "potential", 384, id="mid and high"),
        pytest.param([bought(0, 100_000), *repurchases(3)], "potential", 394, id="high and low"),
        pytest.param([bought(0, 20_000)], "basic", 394, id="mid and low"),
        pytest.param(repurchases(5), "basic", 384, id="low and high"),
        pytest.param([bought(0, 19_999)], "edge", 0, id="low and low"),
        pytest.param([bought(365, 20_000)], "basic", 29, id="held from the day it was lost"),
        pytest.param([bought(393, 20_000)], "basic", 1, id="held on the 29th day of the lower one"),
        pytest.param([bought(394, 20_000)], "edge", 0, id="gone on the 30th"),
        pytest.param(
            [bought(20, 20_000), returned(10, 1_000)],
            "basic",
            19,
            id="a return lowers it, a month later",
        ),
    ],
)
def test_tier(rulebook: Rulebook, facts: list[Fact], tier: str, days: int) -> None:
    verdict = rulebook.tiers.tier(rulebook.evidence.history(facts), TODAY)
    assert verdict == (tier, TODAY + days if days else NEVER)


def test_a_held_tier_says_so(rulebook: Rulebook) -> None:
    history = rulebook.evidence.history([bought(365, 20_000)])
    decision = rulebook.decide(history, TODAY)
    assert why("tier", rulebook, history, decision)[-1] == "held: edge has not lasted 30 days yet"
    assert why("tier", rulebook, history, decision, "zh")[-1] == "暂保留原等级：边缘尚未持续 30 天"


def test_every_reason_is_worded_alike_in_every_language() -> None:
    def blanks(words: str) -> set[str | None]:
        return {name for _, name, *_ in Formatter().parse(words) if name}

    english = {name: blanks(words) for name, words in WORDS["en"].items()}
    for language in WORDS.values():
        assert {name: blanks(words) for name, words in language.items()} == english


@pytest.mark.parametrize(
    ("hundredths", "value"),
    [(10_000, "high"), (8_000, "high"), (7_999, "potential"), (6_000, "potential"), (0, "normal")],
)
def test_value(rulebook: Rulebook, hundredths: int, value: str) -> None:
    assert rulebook.tags.value(hundredths) == value


@pytest.mark.parametrize(
    ("type", "body", "kind"),
    [
        ("careline.purchase.completed.v1", {"amount_minor": 1}, "purchase.completed"),
        ("careline.call.completed.v1", {"direction": "inbound"}, "call.completed/inbound"),
        ("careline.payment.received.v1", {"days_late": 0}, "payment.received/punctual"),
        ("careline.payment.received.v1", {"days_late": 3}, "payment.received/late"),
        ("careline.referral.made.v1", {"converted": True}, "referral.made/converted"),
        ("careline.referral.made.v1", {}, "referral.made/open"),
        ("careline.survey.answered.v1", {"survey": "csat", "score": 9}, "survey.answered/csat-9"),
        ("careline.fault.reported.v1", {"impact": "question"}, "fault.reported/question"),
        ("careline.purchase.completed.v2", {}, "purchase.completed.v2"),
    ],
)
def test_kinds_of_fact(type: str, body: dict[str, Any], kind: str) -> None:
    assert kind_of(type, body) == kind


@pytest.mark.parametrize(
    ("zone", "instant", "day", "begins"),
    [
        pytest.param(
            "Asia/Shanghai",
            datetime(2024, 2, 29, 15, 59, 59, tzinfo=UTC),
            date(2024, 2, 29),
            datetime(2024, 2, 28, 16, tzinfo=UTC),
            id="one second before midnight in Shanghai",
        ),
        pytest.param(
            "Asia/Shanghai",
            datetime(2024, 2, 29, 16, tzinfo=UTC),
            date(2024, 3, 1),
            datetime(2024, 2, 29, 16, tzinfo=UTC),
            id="midnight begins the day",
        ),
        pytest.param(
            "Africa/Cairo",
            datetime(2024, 4, 26, 9, tzinfo=UTC),
            date(2024, 4, 26),
            datetime(2024, 4, 25, 22, tzinfo=UTC),
            id="where clocks jump at midnight the day begins at one",
        ),
    ],
)
def test_business_days(zone: str, instant: datetime, day: date, begins: datetime) -> None:
    calendar = Calendar(zone)
    assert calendar.day_of(instant) == day.toordinal()
    assert calendar.begins(day.toordinal()) == begins
    assert calendar.begins(NEVER) is None


def test_a_kind_without_variant_means_all_of_them(shipped: Any) -> None:
    policy: ScoringPolicy = shipped.policy
    evidence = Rulebook(policy, version="x").evidence
    assert evidence.names("call.completed/outbound") == ("contact",)
    assert evidence.names("call.missed/inbound") == ("contact",)
    assert evidence.names("call.missed/outbound") == ()
