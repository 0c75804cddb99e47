"""A connection to Valkey: what is kept there can be done without, so nothing waits for it.

After a failure nobody asks for a while; a dead Valkey slows no request.
"""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

CONNECTIONS = 8

Answer = TypeVar("Answer")


class Valkey:
    """One pool of connections, closed for a while after a failure."""

    def __init__(self, url: str, *, timeout_milliseconds: int, pause_seconds: float) -> None:
        timeout_seconds = timeout_milliseconds / 1000
        self._pause_seconds = pause_seconds
        self._closed_until = 0.0
        self.pool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=timeout_seconds,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            retry=Retry(NoBackoff(), 0),
        )
        self.client = Redis(connection_pool=self.pool)

    async def attempt(self, command: Callable[[], Awaitable[Answer]]) -> Answer | None:
        """The answer, or None when there is none in time."""
        if time.monotonic() < self._closed_until:
            return None
        try:
            return await command()
        except (RedisError, OSError, TimeoutError) as error:
            self._closed_until = time.monotonic() + self._pause_seconds
            log.warning("valkey.away", error=type(error).__name__, seconds=self._pause_seconds)
            return None

    async def close(self) -> None:
        await self.client.aclose()
        await self.pool.aclose()
