"""TIER-1 in a policy: value classes, stickiness, the matrix, and how long a tier is held."""

from typing import Self

from pydantic import PositiveInt, model_validator

from careline_contracts.events.scoring import Tier
from careline_scoring.model import TIERS
from careline_scoring.policy.parts import Days, Part

_RANK = {tier: rank for rank, tier in enumerate(TIERS)}


class ValueClasses(Part):
    """By net spend within the window, in minor units; below `mid_at_least_minor` is low."""

    window_days: Days
    high_at_least_minor: PositiveInt
    mid_at_least_minor: PositiveInt

    @model_validator(mode="after")
    def high_is_above_mid(self) -> Self:
        if self.high_at_least_minor <= self.mid_at_least_minor:
            raise ValueError("high_at_least_minor must be above mid_at_least_minor")
        return self


class Stickiness(Part):
    """By repurchases within the window."""

    window_days: Days
    high_at_least: PositiveInt


class MatrixRow(Part):
    high: Tier
    low: Tier


class Matrix(Part):
    """The tier for each value class (row) and stickiness (column)."""

    high: MatrixRow
    mid: MatrixRow
    low: MatrixRow

    @model_validator(mode="after")
    def more_is_never_worse(self) -> Self:
        for better, worse in ((self.high, self.mid), (self.mid, self.low)):
            if _RANK[better.high] < _RANK[worse.high] or _RANK[better.low] < _RANK[worse.low]:
                raise ValueError("a higher value class must not lead to a lower tier")
        if any(_RANK[row.high] < _RANK[row.low] for row in (self.high, self.mid, self.low)):
            raise ValueError("more stickiness must not lead to a lower tier")
        return self


class TierRule(Part):
    """TIER-1: value times stickiness, down only after the lower verdict held for a while."""

    value: ValueClasses
    stickiness: Stickiness
    matrix: Matrix
    hold_days: Days
