"""How long until work falls again once a fault is healed, and how long what was said waits.

Both are counted only while no other fault lasts: two servers that are away at once are one outage.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import asyncpg

from careline_contracts.topics import SERVICES

LONGEST_RECOVERY_SECONDS = {
    **dict.fromkeys(SERVICES, 15.0),
    "kafka": 5.0,
    "postgres": 5.0,
    # nobody waits for a cache: this is what an answer takes that is looked at beside all else
    "valkey": 1.0,
}
"""Until the lag falls again (I10): of a service since the kill, of a server since it answers."""

LONGEST_UNPUBLISHED_SECONDS = 30.0
"""So long may what a unit said wait in the outbox while every server is up (I6)."""

_LOOK_SECONDS = 0.05
_LOOK_AT_OUTBOXES_SECONDS = 1.0

_OLDEST = "SELECT extract(epoch FROM clock_timestamp() - min(written_at))::float FROM outbox"


@dataclass(eq=False)
class Outage:
    """One fault, from its strike until its target's work falls again."""

    until: float | None = None


class Outages:
    """All of a run: what recovery is counted from."""

    def __init__(self) -> None:
        self._all: list[Outage] = []

    @contextmanager
    def lasting(self) -> Iterator[Outage]:
        """A fault strikes, is healed, and its target works again."""
        outage = Outage()
        self._all.append(outage)
        try:
            yield outage
        finally:
            outage.until = time.monotonic()

    def calm_for(self, *, since: float = 0.0, apart_from: Outage | None = None) -> float:
        """For how many seconds no other fault has lasted, at most since then."""
        ends = [outage.until for outage in self._all if outage is not apart_from]
        if None in ends:
            return 0.0
        return time.monotonic() - max([since, *(end for end in ends if end is not None)])


async def until_work_falls(work_in_hand: Callable[[], Awaitable[int | None]]) -> None:
    """Returns when less is left to do than was just before, or nothing is.

    `work_in_hand` is None while nobody can say.
    """
    most = 0
    while True:
        work = await work_in_hand()
        if work is not None:
            if work < most or work == 0:
                return
            most = max(most, work)
        await asyncio.sleep(_LOOK_SECONDS)


class Outboxes:
    """How long each service's oldest unit has waited to be published, at most."""

    def __init__(self, databases: Mapping[str, str], outages: Outages) -> None:
        self.longest_seconds = dict.fromkeys(databases, 0.0)
        self._databases = databases
        self._outages = outages

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            for service, url in self._databases.items():
                waited = min(await _oldest(url), self._outages.calm_for())
                self.longest_seconds[service] = max(waited, self.longest_seconds[service])
            await asyncio.sleep(_LOOK_AT_OUTBOXES_SECONDS)


async def _oldest(database_url: str) -> float:
    """Age of the oldest unit in an outbox; 0 where there is none, or nobody can say."""
    try:
        async with asyncio.timeout(_LOOK_AT_OUTBOXES_SECONDS):
            connection = await asyncpg.connect(database_url)
            try:
                return float(await connection.fetchval(_OLDEST) or 0)
            finally:
                await connection.close()
    except (asyncpg.PostgresError, OSError):
        return 0.0
