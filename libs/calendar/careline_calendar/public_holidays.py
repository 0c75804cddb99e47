"""Which dates are worked though they fall on a weekend, and which are not though they don't.

China moves working days around its holidays by a list that the State Council publishes each
autumn for the next year. The `holidays` library carries the lists up to some year and then goes
on, silently, without make-up days; so a year counts as known only if its list is here, or in the
calendar's own table.
"""

from collections.abc import Mapping
from datetime import date
from functools import cached_property, lru_cache
from typing import Literal, NamedTuple

from holidays import country_holidays

DayKind = Literal["usual", "closed", "make_up"]

FIRST_MAKE_UP_YEAR = {"CN": 2001}
"""Before this year the country moved no working days (or the library records none)."""


class YearTable(NamedTuple):
    """One year's exceptions as somebody typed them from the official list."""

    closed: frozenset[date]
    make_up: frozenset[date]


class PublicHolidays:
    """The exceptional days of a country, if any; a year of `tables` wins over the library's."""

    def __init__(self, country: str | None, tables: Mapping[int, YearTable]) -> None:
        self.country = country
        self.tables = tables
        self._year = lru_cache(maxsize=256)(self._library_year)

    def kind(self, day: date) -> DayKind:
        """What kind of day `day` is."""
        table = self.tables.get(day.year) or self._year(day.year)
        if day in table.make_up:
            return "make_up"
        return "closed" if day in table.closed else "usual"

    def of(self, year: int) -> YearTable:
        """All exceptional days of a year."""
        return self.tables.get(year) or self._year(year)

    def is_known(self, year: int) -> bool:
        """Whether the year's official list is here, so that deadlines in it can be trusted."""
        first = FIRST_MAKE_UP_YEAR.get(self.country or "")
        if first is None or year < first or year in self.tables:
            return True
        return bool(self._year(year).make_up)

    @cached_property
    def known_through(self) -> int | None:
        """The last known year before the first unknown one; None where no list is needed."""
        year = FIRST_MAKE_UP_YEAR.get(self.country or "")
        if year is None:
            return None
        while self.is_known(year):
            year += 1
        return year - 1

    def _library_year(self, year: int) -> YearTable:
        if self.country is None:
            return YearTable(frozenset(), frozenset())
        # a list may move days of the December before it
        calendar = country_holidays(self.country, years=(year, year + 1))
        return YearTable(
            closed=frozenset(day for day in calendar if day.year == year),
            make_up=frozenset(day for day in calendar.weekend_workdays if day.year == year),
        )
