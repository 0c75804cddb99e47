"""What a check of the records finds: shares, by field and by source (REC-4)."""

from collections.abc import Iterable
from datetime import datetime

from pydantic import BaseModel, ConfigDict, computed_field


class Share(BaseModel):
    """So many of so many."""

    model_config = ConfigDict(frozen=True)

    good: int = 0
    of: int = 0

    @computed_field  # type: ignore[prop-decorator] # mypy knows no decorated property
    @property
    def ratio(self) -> float | None:
        """None where there is nothing to measure: no evidence is neither good nor bad."""
        return round(self.good / self.of, 4) if self.of else None

    def __add__(self, other: "Share") -> "Share":
        return Share(good=self.good + other.good, of=self.of + other.of)


def together(shares: Iterable[Share]) -> Share:
    """The share of all of them."""
    return sum(shares, Share())


class FieldQuality(BaseModel):
    """One field of the record."""

    field: str
    completeness: Share
    """Customers of whom it is expected and who have it."""
    validity: Share
    """What was said of it and could be brought into its form."""
    freshness: Share
    """Values that can get out of date and were said again in time."""
    accuracy: Share
    """What was said unchecked of customers whose value somebody verified, and is the same."""


class SourceQuality(BaseModel):
    """One source of values."""

    source: str
    validity: Share
    accuracy: Share


class Check(BaseModel):
    """All records at one instant."""

    at: datetime
    customers: int
    completeness: Share
    validity: Share
    uniqueness: Share
    """Customers who are in no proposed pair of duplicates."""
    freshness: Share
    accuracy: Share
    fields: list[FieldQuality]
    sources: list[SourceQuality]


class Trend(BaseModel):
    """One week's check, in short."""

    at: datetime
    completeness: float | None
    validity: float | None
    uniqueness: float | None
    freshness: float | None
    accuracy: float | None


class Report(BaseModel):
    """The records in a month: the last check, and the weeks that led to it."""

    month: str
    accuracy_target: float
    check: Check | None
    """None where there was no check in this month."""
    weeks: list[Trend]
    open_duplicates: int
