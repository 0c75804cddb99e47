"""Where a customer is."""

from datetime import datetime, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from careline_engagement.model import Family
from careline_engagement.rules.book import Book


def zone_of(family: Family, number: str, at: datetime, book: Book) -> tzinfo:
    """The customer's time zone, if it is known to be one; else the budget's."""
    zone = family.attribute(number, "time_zone", at)
    return ZoneInfo(zone if zone and zone in _zones() else book.budget_at(at).time_zone)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())
