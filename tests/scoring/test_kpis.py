"""KPI-1: a month in figures; a story counted by hand, and the arithmetic as a table."""

from decimal import Decimal
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY

from careline_runtime.policy import Loaded
from careline_scoring import api
from careline_scoring.gauges import Gauges
from careline_scoring.kpis.model import Figure, Totals
from careline_scoring.kpis.rules import compared, figures, survey
from careline_scoring.kpis.wording import DEFINITIONS
from careline_scoring.policy import ScoringPolicy
from careline_scoring.policy.kpis import Target
from tests.runtime.signed_in import api_in_test
from tests.scoring.by_hand import Scoring, noon

FEBRUARY = 31
"""The first day of February 2024, in days after New Year."""

NOTHING = Totals._make([*[0] * 14, Decimal(0)])


@pytest.mark.stack
async def test_a_month_is_counted_as_its_customers_tell_it(scoring: Scoring) -> None:
    answered = "careline.survey.answered.v1"
    await scoring.hear(
        [
            # silent since before December: in contact when February began, dormant when it ended
            scoring.purchase("C-lost", 1_000, day=-320),
            scoring.activity("C-lost", day=-40),
            # core since January; in February another product, a complaint, two surveys
            *[scoring.purchase("C-core", 20_000, day=5, product="phone") for _ in range(6)],
            scoring.purchase("C-core", 1_000, day=FEBRUARY, product="case"),
            scoring.activity("C-core", "careline.complaint.raised.v1", day=FEBRUARY + 1),
            scoring.activity("C-core", answered, day=FEBRUARY + 2, survey="nps", score=10),
            scoring.activity("C-core", answered, day=FEBRUARY + 28, survey="csat", score=8),
            # spent most in February, and is basic; what comes in March does not count
            scoring.purchase("C-new", 30_000, day=FEBRUARY + 3),
            scoring.activity("C-new", answered, day=FEBRUARY + 4, survey="nps", score=3),
            scoring.activity("C-new", answered, day=FEBRUARY + 5, survey="nps", score=9),
            scoring.activity("C-new", answered, day=FEBRUARY + 29, survey="nps", score=0),
        ]
    )
    report = await asked(scoring, month="2024-02", language="zh")
    found = {kpi["name"]: (kpi["value"], kpi["counted"], kpi["of"]) for kpi in report["kpis"]}
    assert found == {
        "core_identification": ("0.0000", 0, 1),
        "tier_coverage": ("1.0000", 3, 3),
        "core_retention": ("1.0000", 1, 1),
        "churn": ("0.5000", 1, 2),
        "complaint_rate": ("0.1428", 1, 7),
        "nps": ("33.3", 1, 3),
        "csat": ("8.00", 8, 1),
        "cross_sell": ("1.0000", 1, 1),
        "core_repurchase": ("1.0000", 1, 1),
        "clv": ("5066666", 15_200_000, 3),
    }
    [clv] = [kpi for kpi in report["kpis"] if kpi["name"] == "clv"]
    assert (clv["year_before"], clv["change"], clv["met"]) == ("100000", "49.6666", True)
    assert clv["definition"] == DEFINITIONS["zh"]["clv"]
    assert report["surveys"]["nps"] == {
        "answers": 3,
        "mean": "7.33",
        "deviation": "3.09",
        "promoters": 2,
        "passives": 0,
        "detractors": 1,
    }

    gauges = Gauges(scoring.engine.connect, lambda: scoring.timeline, lambda: noon(FEBRUARY + 20))
    await gauges.refresh()
    shown = REGISTRY.get_sample_value("careline_scoring_kpi_ratio", {"kpi": "nps"})
    assert shown == pytest.approx(0.333)


async def asked(scoring: Scoring, **params: str) -> Any:
    app = api_in_test(
        api.router(scoring.engine.connect, lambda: scoring.timeline, lambda: noon(FEBRUARY))
    )
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://scoring") as client:
        answer = await client.get("/v1/kpis", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_of_a_month_without_anything_nothing_is_known() -> None:
    found = figures(NOTHING, {"nps": {}, "csat": {}})
    assert {figure.value for figure in found.values()} == {None}
    assert survey({}).mean is None


@pytest.mark.parametrize(
    ("target", "before", "now", "met"),
    [
        pytest.param(Target(at_least=Decimal("0.95")), None, "0.95", True, id="on the line"),
        pytest.param(Target(at_least=Decimal("0.95")), None, "0.9499", False, id="below it"),
        pytest.param(Target(above=Decimal(60)), None, "60", False, id="above is not on it"),
        pytest.param(Target(at_most=Decimal("0.008")), None, "0.0081", False, id="too much"),
        pytest.param(
            Target(of="change", at_most=Decimal("-0.18")), "0.5", "0.41", True, id="18 % less"
        ),
        pytest.param(
            Target(of="change", at_most=Decimal("-0.18")), None, "0.41", None, id="nothing before"
        ),
        pytest.param(
            Target(of="change", at_least=Decimal("0.3")), "0", "5", None, id="more than nothing"
        ),
        pytest.param(None, "0.5", "0.41", None, id="no target"),
    ],
)
def test_a_target_is_met_or_not_or_nobody_knows(
    target: Target | None, before: str | None, now: str, met: bool | None
) -> None:
    was = Figure(None if before is None else Decimal(before), 0, 0)
    targets = {} if target is None else {"churn": target}
    [view] = compared({"churn": Figure(Decimal(now), 0, 0)}, {"churn": was}, targets, "en")  # type: ignore[arg-type]
    assert view.met is met


def test_the_handbooks_targets_are_shipped(shipped: Loaded[ScoringPolicy]) -> None:
    lines = {
        name: (target.of, str(target.at_least or target.above or target.at_most))
        for name, target in shipped.policy.kpis.items()
    }
    assert lines == {
        "core_identification": ("value", "0.9"),
        "tier_coverage": ("value", "1"),
        "core_retention": ("value", "0.95"),
        "churn": ("change", "-0.18"),
        "complaint_rate": ("value", "0.008"),
        "nps": ("value", "60"),
        "csat": ("change", "0.25"),
        "cross_sell": ("change", "0.15"),
        "core_repurchase": ("change", "0.22"),
        "clv": ("change", "0.3"),
    }
    assert all(words.keys() == lines.keys() for words in DEFINITIONS.values())
