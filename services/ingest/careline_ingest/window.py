"""Remembers for some minutes which events were taken, so that a retry is answered as a duplicate.

A courtesy kept in Valkey: without it everything is accepted, and profile's inbox drops what it
has seen (docs/decisions/0003-ingest-without-a-database.md).
"""

from collections.abc import Sequence
from typing import Protocol

from careline_ingest import metrics
from careline_ingest.policy import IngestPolicy
from careline_runtime.clock import Now
from careline_runtime.valkey import Valkey

PREFIX = "careline:ingest:taken"

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
    0.9 ms).
    """

    def __init__(self, valkey: Valkey, *, policy: IngestPolicy, now: Now) -> None:
        self._valkey = valkey
        self._seconds = policy.duplicate_window_minutes * 60
        self._now = now
        self._known = valkey.client.register_script(_KNOWN)

    async def known(self, events: Sequence[str]) -> list[bool]:
        if not events:
            return []
        names = [bytes.fromhex(event) for event in events]
        places: list[int] | None = await self._valkey.attempt(
            lambda: self._known(keys=self._keys(), args=names)
        )
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
        pipeline = self._valkey.client.pipeline(transaction=False)
        pipeline.sadd(this, *(bytes.fromhex(event) for event in events))
        pipeline.expire(this, 2 * self._seconds)
        await self._valkey.attempt(pipeline.execute)

    def _keys(self) -> list[str]:
        window = int(self._now().timestamp() // self._seconds)
        return [f"{PREFIX}:{window}", f"{PREFIX}:{window - 1}"]
