"""How many events a channel system may send in a time, counted in Valkey for all instances.

Without Valkey the policy says whether to go on (a courtesy to the others is gone) or to turn
requests away (the limit protects something that must not be exceeded).
"""

from typing import Protocol

from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from careline_ingest import metrics
from careline_ingest.policy import RateLimitPolicy
from careline_ingest.senders import Sender
from careline_runtime.valkey import Valkey

PREFIX = "careline:ingest:rate"


class TooFast(Exception):
    """The sender is over its limit; `retry_after_seconds` says when to come again."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(f"over the limit; come again in {retry_after_seconds} s")
        self.retry_after_seconds = retry_after_seconds


class RateLimit(Protocol):
    """Takes note of events before they are handled."""

    async def take(self, sender: Sender, events: int) -> None:
        """Raises `TooFast` where the sender would be over its limit; then nothing was counted."""


class ValkeyRateLimit:
    """A sliding window for each channel system; who has no key is not limited."""

    def __init__(self, valkey: Valkey, *, url: str, policy: RateLimitPolicy) -> None:
        self._valkey = valkey
        self._policy = policy
        self._item = RateLimitItemPerSecond(policy.events, policy.seconds)
        storage = RedisStorage(
            f"async+{url}",
            implementation="redispy",
            key_prefix=PREFIX,
            connection_pool=valkey.pool,  # type: ignore[arg-type]
        )
        self._limiter = SlidingWindowCounterRateLimiter(storage)

    async def take(self, sender: Sender, events: int) -> None:
        if events == 0 or not sender.is_bound:
            return
        # a batch larger than the whole limit could otherwise never be sent
        cost = min(events, self._policy.events)
        fits = await self._valkey.attempt(
            lambda: self._limiter.hit(self._item, sender.name, cost=cost)
        )
        if fits is None:
            metrics.rate_limit_skipped.inc()
            fits = self._policy.fails_open
        if not fits:
            metrics.rate_limited.labels(sender.name).inc()
            raise TooFast(self._policy.seconds)
