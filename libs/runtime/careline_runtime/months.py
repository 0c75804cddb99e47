"""Months as people ask for them: `2026-03`."""

from datetime import date, timedelta

MONTH = r"^20\d{2}-(0[1-9]|1[0-2])$"
"""How a month is written, for what an API takes."""


def first_days(month: str) -> tuple[date, date]:
    """The first day of a month, and of the next one."""
    first = date.fromisoformat(f"{month}-01")
    return first, (first + timedelta(days=31)).replace(day=1)


def year_before(month: str) -> str:
    """The same month a year before."""
    year, _, number = month.partition("-")
    return f"{int(year) - 1}-{number}"
