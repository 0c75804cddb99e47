"""KPI-1 in a policy: what each figure of a month is to reach. Nothing is decided by it."""

from decimal import Decimal
from typing import Literal, Self

from pydantic import model_validator

from careline_scoring.policy.parts import Part

KpiName = Literal[
    "core_identification",
    "tier_coverage",
    "core_retention",
    "churn",
    "complaint_rate",
    "nps",
    "csat",
    "cross_sell",
    "core_repurchase",
    "clv",
]


class Target(Part):
    """A line for the value of a month, or for its change since that month of the year before."""

    of: Literal["value", "change"] = "value"
    at_least: Decimal | None = None
    above: Decimal | None = None
    at_most: Decimal | None = None

    @model_validator(mode="after")
    def there_is_one_line(self) -> Self:
        if sum(line is not None for line in (self.at_least, self.above, self.at_most)) != 1:
            raise ValueError("a target has one line: at_least, above or at_most")
        return self

    def is_met(self, figure: Decimal) -> bool:
        """Whether a figure reaches the line."""
        if self.at_least is not None:
            return figure >= self.at_least
        if self.above is not None:
            return figure > self.above
        assert self.at_most is not None
        return figure <= self.at_most
