"""What scoring measures of everybody from time to time: the tiers, and how the month goes.

Counted in the database, the tiers from an index, and never at a scrape.
"""

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import get_args

from careline_contracts.events.scoring import Tier
from careline_runtime.clock import Now
from careline_runtime.database import Connect
from careline_runtime.followed_policy import Timeline
from careline_scoring import metrics, queries
from careline_scoring.kpis.model import Figure
from careline_scoring.kpis.report import figures_of
from careline_scoring.movements import name_of_month
from careline_scoring.policy.kpis import KpiName
from careline_scoring.rules import Rulebook

EVERY = timedelta(minutes=5)
"""A million customers are counted in a tenth of a second: nobody needs that each minute."""

MONTH_EVERY_SECONDS = 3_600.0
"""Of time that passes: a month is read from all facts, and a replayed clock runs through many."""

WHOLE = {"nps": Decimal(100), "csat": Decimal(10)}
"""What 1 is of figures that are no shares."""


class Gauges:
    """Keeps the gauges, where it is time to."""

    def __init__(
        self,
        connect: Connect,
        timeline: Callable[[], Timeline[Rulebook]],
        now: Now,
    ) -> None:
        self._connect, self._timeline, self._now = connect, timeline, now
        self._counted_at: datetime | None = None
        self._month_read_at = -MONTH_EVERY_SECONDS

    async def refresh(self) -> int:
        """Counts everybody by tier; returns 0: nothing is left to do."""
        as_of = self._now()
        if self._counted_at is None or as_of >= self._counted_at + EVERY:
            self._counted_at = as_of
            async with self._connect() as connection:
                show(await queries.tiers(connection))
        if time.monotonic() >= self._month_read_at + MONTH_EVERY_SECONDS:
            self._month_read_at = time.monotonic()
            rulebook = self._timeline().at(as_of)
            async with self._connect() as connection:
                found, _ = await figures_of(connection, rulebook, name_of_month(rulebook, as_of))
            show_month(found)
        return 0


def show(customers: dict[Tier | None, int]) -> None:
    """Who is in which tier; None: of whom something is known, and who has no tier."""
    for tier in get_args(Tier):
        metrics.customers.labels(tier).set(customers.get(tier, 0))
    everybody = sum(customers.values())
    covered = everybody - customers.get(None, 0)
    metrics.tier_coverage.set(covered / everybody if everybody else 1)


def show_month(figures: Mapping[KpiName, Figure]) -> None:
    """How the month goes; an amount of money is no gauge."""
    for name, figure in figures.items():
        if figure.value is not None and name != "clv":
            metrics.kpis.labels(name).set(float(figure.value / WHOLE.get(name, Decimal(1))))
