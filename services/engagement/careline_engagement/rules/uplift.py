"""What a playbook achieved over doing nothing (CARE-8): a difference with its uncertainty.

Newcombe's interval of two proportions (his method 10, from Wilson's of each), which keeps what it
promises for small groups and shares near 0 or 1, and the test of a split that isn't as planned.
Both are a few lines over the standard library; packages that have them weigh a hundred megabytes.
"""

from math import erfc, sqrt
from statistics import NormalDist
from typing import Literal, NamedTuple

Z = NormalDist().inv_cdf(0.975)
"""95 % within, 2.5 % on either side."""
LEAST_CASES, LEAST_GOALS = 100, 5
"""With fewer in a group an interval spans what anybody might have guessed."""
SUSPICIOUS = 0.001
"""A split as odd as this comes by chance once in a thousand looks: something else sorts people."""

Verdict = Literal["not_enough_data", "split_is_off", "better", "worse", "no_difference_shown"]


class Group(NamedTuple):
    """Cases whose window is over, and how many of them reached the goal."""

    cases: int
    reached: int

    @property
    def share(self) -> float:
        return self.reached / self.cases if self.cases else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the share."""
        n, p = self.cases, self.share
        middle = p + Z * Z / (2 * n)
        half = Z * sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
        return (middle - half) / (1 + Z * Z / n), (middle + half) / (1 + Z * Z / n)


class Uplift(NamedTuple):
    """The difference between those who were cared for and those who were left alone."""

    treated: Group
    held_out: Group
    difference: float | None
    low: float | None
    high: float | None
    split_p: float | None
    """How likely a split as far from the planned one is by chance."""
    verdict: Verdict


def uplift(treated: Group, held_out: Group, *, holdout_percent: int) -> Uplift:
    """What the groups show, and whether they show anything."""
    if min(treated.cases, held_out.cases) == 0:
        return Uplift(treated, held_out, None, None, None, None, "not_enough_data")
    difference = treated.share - held_out.share
    low, high = _newcombe(treated, held_out)
    split_p = _split_p(treated.cases, held_out.cases, holdout_percent / 100)
    return Uplift(
        treated,
        held_out,
        difference,
        low,
        high,
        split_p,
        _verdict(treated, held_out, low, high, split_p),
    )


def _verdict(treated: Group, held_out: Group, low: float, high: float, split_p: float) -> Verdict:
    if split_p < SUSPICIOUS:
        return "split_is_off"
    few_cases = min(treated.cases, held_out.cases) < LEAST_CASES
    if few_cases or treated.reached + held_out.reached < LEAST_GOALS:
        return "not_enough_data"
    if low > 0:
        return "better"
    return "worse" if high < 0 else "no_difference_shown"


def _newcombe(one: Group, other: Group) -> tuple[float, float]:
    (low, high), (other_low, other_high) = one.interval, other.interval
    difference = one.share - other.share
    return (
        difference - sqrt((one.share - low) ** 2 + (other_high - other.share) ** 2),
        difference + sqrt((high - one.share) ** 2 + (other.share - other_low) ** 2),
    )


def _split_p(treated: int, held_out: int, planned: float) -> float:
    """The chi-squared test with one degree of freedom."""
    total = treated + held_out
    expected = total * planned
    if not 0 < planned < 1:
        return 0.0
    statistic = (held_out - expected) ** 2 / expected + (held_out - expected) ** 2 / (
        total - expected
    )
    return erfc(sqrt(statistic / 2))
