"""The tags and the tier, each as a table of days and amounts on both sides of every line."""

from functools import partial
from string import Formatter
from typing import Any

import pytest

from careline_scoring.model import NEVER, Fact, Tags
from careline_scoring.rules import Rulebook
from careline_scoring.rules.reasons import reasons as why
from careline_scoring.rules.reasons import tag_reasons as why_tag
from careline_scoring.rules.wording import WORDS
from tests.scoring.facts import TODAY, bought, did, returned


@pytest.mark.parametrize(
    ("hundredths", "value"),
    [(10_000, "high"), (8_000, "high"), (7_999, "potential"), (6_000, "potential"), (0, "normal")],
)
def test_value(rulebook: Rulebook, hundredths: int, value: str) -> None:
    assert rulebook.tags.value(hundredths) == value


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
    why = partial(why_tag, rulebook=rulebook, history=history, decision=decision, record=())
    assert why("channel") == ("app: 3 times in 180 days",)
    assert why("product") == ("nothing often enough in 365 days",)
    assert why("life_cycle", language="zh") == ("已购买，90 天内有互动",)
    assert why("region") == ("as the customer's record says",)


@pytest.mark.parametrize(
    ("care", "handling"),
    [
        pytest.param((), (), id="nobody special"),
        pytest.param(("elderly",), ("person_at_once", "slow_script"), id="elderly"),
        pytest.param(("vip",), ("person_at_once", "priority_lane"), id="a VIP"),
        pytest.param(
            ("elderly", "vip"), ("person_at_once", "priority_lane", "slow_script"), id="both"
        ),
        pytest.param(("left-handed",), (), id="care that the policy does not name"),
    ],
)
def test_special_care_calls_for_ways_of_handling(
    rulebook: Rulebook, care: tuple[str, ...], handling: tuple[str, ...]
) -> None:
    record: Tags = (("region", ("east",)), *((("care", care),) if care else ()))
    carried = dict(rulebook.care.with_handling(record))
    assert carried.pop("handling", ()) == handling
    assert carried == dict(record)


def test_each_way_of_handling_names_the_care_that_calls_for_it(rulebook: Rulebook) -> None:
    history = rulebook.evidence.history([bought(1, 1)])
    decision = rulebook.decide(history, TODAY)
    record: Tags = (("care", ("elderly", "vip")),)
    why = partial(why_tag, "handling", rulebook, history, decision)
    assert why(record) == (
        "a person at once: special care for elderly, vip",
        "the priority lane: special care for vip",
        "slower scripts: special care for elderly",
    )
    assert why(record, "zh")[0] == "立即转人工：特殊关怀（长者、贵宾）"
    assert why(()) == ("no special care calls for it",)


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
