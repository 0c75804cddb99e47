"""Health is progress: whether work moves, and if not, which server it waits for."""

import asyncio
import time

from aiokafka.errors import KafkaError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine

from careline_runtime import metrics
from careline_runtime.consumer import Consumer
from careline_runtime.errors import Misconfigured
from careline_runtime.waiting import waited_for

WATCH_SECONDS = 5.0


class Progress:
    """Watches what a consumer has to do and does."""

    def __init__(
        self, consumer: Consumer, engine: AsyncEngine | None, *, stalled_seconds: int
    ) -> None:
        self.stalled = ""
        """Why there is no progress though there is work; empty when all is well."""
        self._consumer, self._engine = consumer, engine
        self._stalled_seconds = stalled_seconds
        self._silent = ""

    @property
    def waits_for(self) -> str:
        """Which server keeps the service from its work, in words; empty when none does."""
        return waited_for() or self._silent

    async def watch(self) -> None:
        """Raises `Misconfigured` when lag has not moved for too long.

        While a server is away, waiting is right: a restart would not bring it back.
        """
        moved_at, before = time.monotonic(), dict(self._consumer.positions)
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            lags = await self._ask_servers()
            for (topic, partition), lag in lags.items():
                metrics.consumer_lag.labels(topic, partition).set(lag)
            if self.waits_for or not any(lags.values()) or self._consumer.positions != before:
                moved_at, before = time.monotonic(), dict(self._consumer.positions)
            stalled_seconds = time.monotonic() - moved_at
            self.stalled = f"lag and no progress for {stalled_seconds:.0f} s" * (
                stalled_seconds > self._stalled_seconds / 2
            )
            if stalled_seconds > self._stalled_seconds:
                raise Misconfigured(f"{self.stalled}; ending so that the supervisor restarts it")

    async def _ask_servers(self) -> dict[tuple[str, int], int]:
        """The lag per partition; takes note of a server that hangs, on which nothing fails."""
        silent, lags = "", {}
        try:
            async with asyncio.timeout(WATCH_SECONDS):
                lags = await self._consumer.lags()
        except (KafkaError, OSError):
            silent = "Kafka does not answer"
        if self._engine is not None:
            try:
                async with asyncio.timeout(WATCH_SECONDS), self._engine.connect() as connection:
                    await connection.execute(text("SELECT 1"))
            except (DBAPIError, PoolTimeoutError, OSError):
                silent = "PostgreSQL does not answer"
        self._silent = silent
        return lags
