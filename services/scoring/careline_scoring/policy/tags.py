"""The tags in a policy: value, need, risk, life cycle, preferences, each with lines and windows."""

from typing import Annotated, Self

from pydantic import Field, PositiveInt, model_validator

from careline_contracts.events.scoring import Handling
from careline_scoring.policy.parts import Days, EvidenceName, Part, Percent, Points


class ValueRule(Part):
    """TAG-1: from which total a customer is of high or of potential value."""

    high_at_least: Points
    potential_at_least: Points
    hold_days: Days = 1
    """Down only after the lower value has held so many days, today included: 1 is at once."""

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
    hold_days: Days = 1
    """Down only after the lower risk has held so many days, today included: 1 is at once."""


class LifeCycleRule(Part):
    """TAG-4: a prospect until the first purchase; then active, or dormant when silent."""

    dormant: Silence


class Preference(Part):
    """TAG-4: what occurred so often within the window is preferred."""

    of: Annotated[tuple[EvidenceName, ...], Field(min_length=1)]
    """Facts that are any of these count, each once."""
    at_least: Annotated[int, Field(ge=1, le=100)]
    window_days: Days


Hour = Annotated[int, Field(ge=0, le=24)]


class PartsOfDay(Preference):
    """When a customer gets in touch, in hours of the policy's time zone."""

    parts: Annotated[dict[str, tuple[Hour, Hour]], Field(min_length=1)]
    """From the first hour until before the second."""

    @model_validator(mode="after")
    def parts_do_not_overlap(self) -> Self:
        hours = [hour for start, end in self.parts.values() for hour in range(start, end)]
        if len(set(hours)) < len(hours) or any(s >= e for s, e in self.parts.values()):
            raise ValueError("parts of the day must not be empty nor overlap")
        return self


class Preferences(Part):
    channel: Preference
    product: Preference
    part_of_day: PartsOfDay


class Tags(Part):
    value: ValueRule
    need: NeedRule
    risk: RiskRule
    care: dict[str, Annotated[tuple[Handling, ...], Field(min_length=1)]] = Field(
        default_factory=dict
    )
    """TAG-4: how to handle whom; a tag of special care that is not named here calls for nothing."""
    life_cycle: LifeCycleRule
    preferences: Preferences
