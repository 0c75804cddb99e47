"""Facts about one customer, counted in days before today."""

from datetime import date

from careline_scoring.model import Fact

TODAY = date(2024, 6, 1).toordinal()
YUAN = 100


def bought(days_ago: int, yuan: int, *, currency: str = "CNY", times: int = 1) -> Fact:
    return Fact(TODAY - days_ago, "purchase.completed", currency, times, yuan * YUAN)


def returned(days_ago: int, yuan: int) -> Fact:
    return Fact(TODAY - days_ago, "purchase.returned", "CNY", 1, yuan * YUAN)


def did(kind: str, *days_ago: int, times: int = 1) -> list[Fact]:
    return [Fact(TODAY - ago, kind, "", times, 0) for ago in days_ago]
