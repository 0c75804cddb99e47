"""What ticketing measures about itself from time to time: what is open, how forecasts came out, and
how far its calendars are known.

Counted in the database once a minute, never at a scrape.
"""

from collections import Counter
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from careline_runtime.clock import Now
from careline_runtime.database import Connect
from careline_runtime.unit_of_work import Work
from careline_ticketing import clocks, metrics
from careline_ticketing.foresight import foresight
from careline_ticketing.model import Said
from careline_ticketing.policy import InForceAt, Policy
from careline_ticketing.store import gauges as store
from careline_ticketing.store.gauges import Open

FORECAST_EVERY = timedelta(hours=1)
"""To play 10,000 open tickets through takes a second: nobody needs that each minute."""


class Gauges:
    """Keeps the gauges, once each time it is asked to."""

    def __init__(self, connect: Connect, work: Work, policies: InForceAt, now: Now) -> None:
        self._connect, self._work, self._policies, self._now = connect, work, policies, now
        self._forecast_at: datetime | None = None

    async def refresh(self) -> int:
        """Counts what is open, and holds forecasts against what came; returns 0: all done."""
        as_of = self._now()
        policy = self._policies(as_of).policy
        metrics.show_calendars(policy)
        async with self._connect() as connection:
            show_open(await store.open_tickets(connection), policy, as_of)
            foreseen = await self._forecast(connection, policy, as_of)
        async with self._work() as unit:
            for foreseen_at, said in await store.came(unit.connection):
                unit.after_commit(partial(show_outcome, foreseen_at, said))
            if foreseen:
                await store.foresee(unit.connection, foreseen)
        return 0

    async def _forecast(
        self, connection: AsyncConnection, policy: Policy, as_of: datetime
    ) -> dict[str, datetime]:
        """When each ticket in work will be solved, once an hour."""
        if self._forecast_at is not None and as_of < self._forecast_at + FORECAST_EVERY:
            return {}
        self._forecast_at = as_of
        seen = await foresight(connection, policy, as_of)
        return {one.ticket: one.solved_at for one in seen.played if one.solved_at is not None}


def show_open(found: list[Open], policy: Policy, as_of: datetime) -> None:
    """The gauges of what is open; what is not there any more is not shown either."""
    for gauge in (metrics.tickets_open, metrics.queue_age, metrics.unassignable):
        gauge.clear()
    tickets: Counter[tuple[str, str]] = Counter()
    unassignable: Counter[str] = Counter(dict.fromkeys(policy.teams, 0))
    ages = dict.fromkeys(policy.teams, 0.0)
    for one in found:
        team = one.team or policy.team_of(one.kind)
        tickets[one.level, team] += one.tickets
        unassignable[team] += one.unassignable
        if one.waits_since is not None:
            ages[team] = max(ages.get(team, 0.0), (as_of - one.waits_since).total_seconds())
    for (level, team), count in tickets.items():
        metrics.tickets_open.labels(level, team).set(count)
    for team, count in unassignable.items():
        metrics.unassignable.labels(team).set(count)
    for team, age in ages.items():
        metrics.queue_age.labels(team).set(age)


def show_outcome(foreseen_at: datetime, said: Said) -> None:
    """Counts what was foreseen of a ticket against what became of it; a merged one has no end."""
    ticket = said.ticket
    last = next((c for c in reversed(ticket.clocks) if c.target == "resolution"), None)
    if said.merged_into is not None or last is None or last.stopped_at is None:
        return
    foreseen = "late" if foreseen_at > last.due_at else "kept"
    actual = "late" if clocks.verdict(last, last.stopped_at) == "missed" else "kept"
    metrics.forecasts.labels(foreseen, actual).inc()
    error = abs((last.stopped_at - foreseen_at).total_seconds())
    metrics.forecast_error_seconds.observe(error)
