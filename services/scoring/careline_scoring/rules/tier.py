"""TIER-1: value class times stickiness, up at once, down only after the lower verdict held."""

from bisect import bisect_right
from functools import partial
from typing import NamedTuple

from careline_contracts.events.scoring import Tier
from careline_scoring.model import AMOUNT_SCALE, NEVER, TIERS, History, Series, Verdict
from careline_scoring.policy.tier import TierRule
from careline_scoring.rules.held import best_of_held_days


class Standing(NamedTuple):
    """What the matrix is asked with, on one day."""

    spend: int
    """In ten-thousandths of the minor unit."""
    repurchases: int


class TierRules:
    """The tier by one policy."""

    def __init__(self, rule: TierRule) -> None:
        self._spend_window = rule.value.window_days
        self._purchase_window = rule.stickiness.window_days
        self._high = rule.value.high_at_least_minor * AMOUNT_SCALE
        self._mid = rule.value.mid_at_least_minor * AMOUNT_SCALE
        self.lines = (0, self._mid, self._high)
        self._sticky = rule.stickiness.high_at_least
        self._hold = rule.hold_days
        rows = (rule.matrix.low, rule.matrix.mid, rule.matrix.high)
        self._ranks = tuple((TIERS.index(row.low), TIERS.index(row.high)) for row in rows)
        self._lowest = min(rank for row in self._ranks for rank in row)

    def tier(self, history: History, day: int) -> Verdict[Tier]:
        """The tier on `day`, and the first later day on which it differs."""
        money = history.money
        known = bisect_right(money.days, day)
        if self._is_lowest_throughout(money, known, day):
            return Verdict(TIERS[self._lowest], NEVER)
        look = partial(self._look, money, known)
        rank, change_day = best_of_held_days(look, day, hold_days=self._hold, lowest=self._lowest)
        return Verdict(TIERS[rank], change_day)

    def _is_lowest_throughout(self, money: Series, known: int, day: int) -> bool:
        """Whether all that counted on any of the held days is too little: most customers' case."""
        if money.falls:
            return False
        window = max(self._spend_window, self._purchase_window)
        start = bisect_right(money.days, day - self._hold + 1 - window, 0, known)
        return (
            money.amounts[known] - money.amounts[start] < self._mid
            and money.counts[known] - money.counts[start] < self._sticky
        )

    def _look(self, money: Series, known: int, day: int) -> tuple[int, int]:
        """The raw verdict on `day`, and the next day on which it may differ (none is left out).

        Of `money` the first `known` days are known.
        """
        days, amounts, counts = money.days, money.amounts, money.counts
        end = bisect_right(days, day, 0, known)
        start = bisect_right(days, day - self._spend_window, 0, end)
        bought = bisect_right(days, day - self._purchase_window, 0, end)
        spend = amounts[end] - amounts[start]
        row = 2 if spend >= self._high else 1 if spend >= self._mid else 0
        is_sticky = (counts[end] or 1) - (counts[bought] or 1) >= self._sticky
        until = days[end] if end < known else NEVER
        if not money.falls:
            # nothing was taken back, so both only sink: go where one falls below its line
            start = bisect_right(amounts, amounts[end] - self.lines[row]) - 1 if row else end
            bought = bisect_right(counts, counts[end] - self._sticky) - 1 if is_sticky else end
        if start < end:
            until = min(until, days[start] + self._spend_window)
        if bought < end:
            until = min(until, days[bought] + self._purchase_window)
        return self._ranks[row][is_sticky], until

    def standing(self, history: History, day: int) -> Standing:
        """Spend and repurchases on one day."""
        spend = history.money.amount(day - self._spend_window, day)
        return Standing(spend, self.repurchases(history, day))

    def repurchases(self, history: History, day: int, *, more: int = 0) -> int:
        """Repurchases on one day, if there were so many more purchases on it."""
        bought = history.money.count(0, day) + more
        bought_before = history.money.count(0, day - self._purchase_window)
        return (bought or 1) - (bought_before or 1)

    def orders_to_stick(self, history: History, day: int) -> int:
        """How many more purchases on that day make stickiness high."""
        now = self.repurchases(history, day)
        if now >= self._sticky:
            return 0
        first_one = 0 if history.money.count(0, day) else 1
        return self._sticky - now + first_one

    def raw_tier(self, spend: int, repurchases: int) -> Tier:
        """The matrix, without holding."""
        row = ("low", "mid", "high").index(self.value_class(spend))
        return TIERS[self._ranks[row][repurchases >= self._sticky]]

    def value_class(self, spend: int) -> str:
        """The matrix's row for a spend."""
        return "high" if spend >= self._high else "mid" if spend >= self._mid else "low"

    def stickiness(self, repurchases: int) -> str:
        """The matrix's column for so many repurchases."""
        return "high" if repurchases >= self._sticky else "low"
