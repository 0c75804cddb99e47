"""The tags in a policy: value, need and risk, each with its lines and windows."""

from typing import Self

from pydantic import PositiveInt, model_validator

from careline_scoring.policy.parts import Days, Part, Percent, Points


class ValueRule(Part):
    """TAG-1: from which total a customer is of high or of potential value."""

    high_at_least: Points
    potential_at_least: Points

    @model_validator(mode="after")
    def high_is_above_potential(self) -> Self:
        if self.high_at_least <= self.potential_at_least:
            raise ValueError("high_at_least must be above potential_at_least")
        return self


class Often(Part):
    at_least: PositiveInt
    window_days: Days


class Window(Part):
    window_days: Days


class Silence(Part):
    silent_days: Days


class NeedRule(Part):
    """TAG-2: enquiring often, interested but not buying, or silent."""

    active: Often
    latent: Window
    dormant: Silence


class SpendFall(Part):
    window_days: Days
    minimum_previous_minor: PositiveInt
    high_percent: Percent
    medium_percent: Percent

    @model_validator(mode="after")
    def high_is_above_medium(self) -> Self:
        if self.high_percent <= self.medium_percent:
            raise ValueError("high_percent must be above medium_percent")
        return self


class Complaints(Part):
    window_days: Days
    high_at_least: PositiveInt
    medium_at_least: PositiveInt

    @model_validator(mode="after")
    def high_is_above_medium(self) -> Self:
        if self.high_at_least <= self.medium_at_least:
            raise ValueError("high_at_least must be above medium_at_least")
        return self


class RiskRule(Part):
    """TAG-3: signs that a customer is about to leave."""

    spend_fall: SpendFall
    complaints: Complaints


class Tags(Part):
    value: ValueRule
    need: NeedRule
    risk: RiskRule
