"""Proof (CARE-8): no false alarms, what is there is found, and too little is called too little."""

import math
import random
from math import lgamma

import pytest

from careline_engagement.rules.uplift import Group, uplift


@pytest.mark.parametrize(
    ("treated", "held_out", "low", "high"),
    [
        pytest.param(Group(70, 56), Group(80, 48), 0.0524, 0.3339, id="Newcombe 1998, example a"),
        pytest.param(Group(10, 9), Group(10, 3), 0.1705, 0.8090, id="example b"),
        pytest.param(Group(10, 10), Group(10, 0), 0.6075, 1.0, id="example h: all and none"),
        # statsmodels 0.15, confint_proportions_2indep(…, method="newcomb")
        pytest.param(Group(1500, 345), Group(1500, 225), 0.0520, 0.1079, id="eight points"),
        pytest.param(Group(900, 27), Group(100, 1), -0.0254, 0.0356, id="one of a hundred"),
        pytest.param(Group(2700, 300), Group(300, 0), 0.0942, 0.1235, id="none left alone came"),
        pytest.param(Group(1000, 1000), Group(120, 119), 0.0005, 0.0457, id="nearly all came"),
        pytest.param(Group(450, 81), Group(50, 4), -0.0132, 0.1617, id="few cases"),
    ],
)
def test_the_interval_is_newcombes(
    treated: Group, held_out: Group, low: float, high: float
) -> None:
    found = uplift(treated, held_out, holdout_percent=50)
    assert found.low == pytest.approx(low, abs=1e-4)
    assert found.high == pytest.approx(high, abs=1e-4)


@pytest.mark.parametrize(
    ("treated", "held_out", "holdout_percent", "chance"),
    [
        # scipy 1.17, stats.chisquare against the planned split
        pytest.param(1800, 200, 10, 1.0, id="as planned"),
        pytest.param(1840, 160, 10, 0.00287, id="too few left alone"),
        pytest.param(900, 130, 10, 0.00504, id="too many left alone"),
        pytest.param(450, 400, 50, 0.08635, id="a half"),
    ],
)
def test_an_odd_split_is_measured_by_chi_squared(
    treated: int, held_out: int, holdout_percent: int, chance: float
) -> None:
    found = uplift(Group(treated, 0), Group(held_out, 0), holdout_percent=holdout_percent)
    assert found.split_p == pytest.approx(chance, abs=1e-5)


def a_group(draw: random.Random, cases: int, chance: float) -> Group:
    return Group(cases, sum(draw.random() < chance for _ in range(cases)))


def chances(cases: int, chance: float) -> dict[int, float]:
    """How likely each number of successes is, as far as it can happen at all."""
    log = [
        lgamma(cases + 1)
        - lgamma(k + 1)
        - lgamma(cases - k + 1)
        + k * math.log(chance)
        + (cases - k) * math.log(1 - chance)
        for k in range(cases + 1)
    ]
    return {k: math.exp(one) for k, one in enumerate(log) if one > math.log(1e-6)}


@pytest.mark.parametrize("chance", [0.02, 0.05, 0.15, 0.3])
def test_nothing_against_nothing_alarms_in_five_of_a_hundred_at_most(chance: float) -> None:
    alarms = sum(
        likely * other_likely
        for reached, likely in chances(900, chance).items()
        for other, other_likely in chances(100, chance).items()
        if uplift(Group(900, reached), Group(100, other), holdout_percent=10).verdict
        in ("better", "worse")
    )
    # worked out over all that can happen, not drawn; to a tenth of a percent
    assert round(alarms, 3) <= 0.05


def test_eight_points_are_found() -> None:
    draw = random.Random(2)
    found = [
        uplift(a_group(draw, 1500, 0.23), a_group(draw, 1500, 0.15), holdout_percent=50)
        for _ in range(200)
    ]
    assert sum(one.verdict == "better" for one in found) / len(found) > 0.95
    assert sum((one.low or 0) <= 0.08 <= (one.high or 0) for one in found) / len(found) > 0.92


@pytest.mark.parametrize(
    ("treated", "held_out", "expected"),
    [
        pytest.param(Group(0, 0), Group(0, 0), "not_enough_data", id="nobody yet"),
        pytest.param(Group(810, 200), Group(90, 5), "not_enough_data", id="ninety left alone"),
        pytest.param(Group(1800, 2), Group(200, 1), "not_enough_data", id="hardly anybody came"),
        pytest.param(Group(1500, 300), Group(500, 50), "split_is_off", id="a quarter, not a tenth"),
        pytest.param(Group(1800, 540), Group(200, 30), "better", id="twice as many"),
        pytest.param(Group(1800, 180), Group(200, 40), "worse", id="it drives them away"),
        pytest.param(Group(1800, 200), Group(200, 20), "no_difference_shown", id="one point"),
    ],
)
def test_what_is_said_plainly(treated: Group, held_out: Group, expected: str) -> None:
    assert uplift(treated, held_out, holdout_percent=10).verdict == expected
