"""What scoring measures of everybody from time to time: who is in which tier, and that all are.

Counted in the database every five minutes, from an index, and never at a scrape.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import get_args

from careline_contracts.events.scoring import Tier
from careline_runtime.database import Connect
from careline_scoring import metrics, queries

EVERY = timedelta(minutes=5)
"""A million customers are counted in a tenth of a second: nobody needs that each minute."""


class Gauges:
    """Keeps the gauges, where it is time to."""

    def __init__(self, connect: Connect, now: Callable[[], datetime]) -> None:
        self._connect, self._now = connect, now
        self._counted_at: datetime | None = None

    async def refresh(self) -> int:
        """Counts everybody by tier; returns 0: nothing is left to do."""
        as_of = self._now()
        if self._counted_at is None or as_of >= self._counted_at + EVERY:
            self._counted_at = as_of
            async with self._connect() as connection:
                show(await queries.tiers(connection))
        return 0


def show(customers: dict[Tier | None, int]) -> None:
    """Who is in which tier; None: of whom something is known, and who has no tier."""
    for tier in get_args(Tier):
        metrics.customers.labels(tier).set(customers.get(tier, 0))
    everybody = sum(customers.values())
    covered = everybody - customers.get(None, 0)
    metrics.tier_coverage.set(covered / everybody if everybody else 1)
