"""Remembers for some minutes which events were taken, so that a retry is answered as a duplicate.

A courtesy kept in Valkey: without it everything is accepted, and profile's inbox drops what it
has seen (docs/decisions/0003-ingest-without-a-database.md).
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from careline_ingest import metrics
from careline_ingest.policy import IngestPolicy

log = structlog.get_logger(__name__)

PREFIX = "careline:ingest:taken"
CONNECTIONS = 8

# answers with the places of the known ones, mostly none: reading 2,000 flags takes 4 ms here
_KNOWN = """
local known = {}
for _, key in ipairs(KEYS) do
  for place, flag in ipairs(redis.call('SMISMEMBER', key, unpack(ARGV))) do
    if flag == 1 then known[#known + 1] = place - 1 end
  end
end
return known
"""


class Window(Protocol):
    """Which events were taken lately, by their `event_key`."""

    async def known(self, events: Sequence[str]) -> list[bool]:
        """For each event whether it was taken before; all False when nobody can say."""

    async def remember(self, events: Sequence[str]) -> None:
        """These were taken: Kafka has them."""


class ValkeyWindow:
    """Two sets, this window's and the last one's: one command a batch either way.

    A key per event costs thirty times as much on this side (1,000 `SET … EX`: 25 ms; one `SADD`:
    0.9 ms). After a failure nobody asks for a while, so a dead Valkey slows no request.
    """

    def __init__(self, url: str, *, policy: IngestPolicy, now: Callable[[], datetime]) -> None:
        timeout_seconds = policy.duplicate_timeout_milliseconds / 1000
        self._seconds = policy.duplicate_window_minutes * 60
        self._pause_seconds = policy.duplicate_pause_seconds
        self._now = now
        self._closed_until = 0.0
        self._valkey = Redis.from_pool(
            BlockingConnectionPool.from_url(
                url,
                max_connections=CONNECTIONS,
                timeout=timeout_seconds,
                socket_timeout=timeout_seconds,
                socket_connect_timeout=timeout_seconds,
                retry=Retry(NoBackoff(), 0),
            )
        )
        self._known = self._valkey.register_script(_KNOWN)

    async def known(self, events: Sequence[str]) -> list[bool]:
        if not events:
            return []
        names = [bytes.fromhex(event) for event in events]
        places = await self._try(lambda: self._known(keys=self._keys(), args=names))
        if places is None:
            metrics.window_skipped.inc(len(events))
            return [False] * len(events)
        known = [False] * len(events)
        for place in places:
            known[place] = True
        return known

    async def remember(self, events: Sequence[str]) -> None:
        if not events:
            return
        this, _ = self._keys()
        pipeline = self._valkey.pipeline(transaction=False)
        pipeline.sadd(this, *(bytes.fromhex(event) for event in events))
        pipeline.expire(this, 2 * self._seconds)
        await self._try(pipeline.execute)

    async def close(self) -> None:
        await self._valkey.aclose()

    def _keys(self) -> list[str]:
        window = int(self._now().timestamp() // self._seconds)
        return [f"{PREFIX}:{window}", f"{PREFIX}:{window - 1}"]

    async def _try(self, command: Callable[[], Awaitable[Any]]) -> Any:
        """The answer, or None when there is none in time."""
        if time.monotonic() < self._closed_until:
            return None
        try:
            return await command()
        except (RedisError, OSError, TimeoutError) as error:
            self._closed_until = time.monotonic() + self._pause_seconds
            log.warning("window.away", error=type(error).__name__, seconds=self._pause_seconds)
            return None
