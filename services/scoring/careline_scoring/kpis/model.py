"""A month in figures: what is counted of it, and how it is shown."""

from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple

from pydantic import BaseModel

from careline_scoring.policy.kpis import KpiName, Target

Survey = Literal["nps", "csat"]
Answers = dict[Survey, dict[int, int]]
"""For each survey, how often each score from 0 to 10 was given."""


class Totals(NamedTuple):
    """What the database counts of a month: customers, where nothing else is said."""

    known: int
    """Of whom there is any fact by its end."""
    with_tier: int
    top_buyers: int
    """The tenth of its buyers who spent most in it."""
    top_recognised: int
    """Those of them who were core or potential at its end."""
    were_core: int
    """When it began."""
    core_kept: int
    core_bought: int
    were_in_contact: int
    """When it began: not dormant."""
    fell_silent: int
    """Those of them who were dormant at its end."""
    contacts: int
    """How many there were."""
    complaints: int
    product_buyers: int
    """Who bought in it, and had bought a product before."""
    cross_sold: int
    """Those of them who bought a product in it for the first time."""
    ever_bought: int
    spend: Decimal
    """Net, of all customers since ever, in ten-thousandths of the minor unit."""


class Figure(NamedTuple):
    """A value, and the numbers behind it."""

    value: Decimal | None
    """None where there was nothing to count."""
    counted: int
    of: int


class KpiView(BaseModel):
    """One figure of a month, with its meaning, its target, and the same month a year before."""

    name: KpiName
    definition: str
    value: Decimal | None
    unit: Literal["share", "points", "minor_units"]
    counted: int
    of: int
    year_before: Decimal | None
    change: Decimal | None
    """Since then, as a share of it."""
    target: Target | None
    met: bool | None
    """None without a target, or where what it is about is not known."""


class SurveyView(BaseModel):
    """The answers to a survey: mean and standard deviation, and who would recommend us."""

    answers: int
    mean: Decimal | None
    deviation: Decimal | None
    promoters: int
    """9 or 10."""
    passives: int
    detractors: int
    """0 to 6."""


class MonthReport(BaseModel):
    """A month; one that is not over so far."""

    month: str
    begins_at: datetime
    ends_at: datetime
    policy_version: str
    currency: str
    minor_digits: int
    kpis: list[KpiView]
    surveys: dict[Survey, SurveyView]
