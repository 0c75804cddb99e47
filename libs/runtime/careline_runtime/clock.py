"""What time it is: the only module that asks. Under replay, Kafka says.

The system clock is the machine's. The replay clock is the last `ClockTicked` on
`careline.clock.v1`, so that eighteen months pass in minutes and alike on every run; it may let one
service wait for what the others say of the time that passes.
"""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

import structlog
from pydantic import ValidationError

from careline_contracts.events.operations import ClockTicked
from careline_contracts.topics import CLOCK
from careline_runtime.settings import ServiceSettings
from careline_runtime.state_topic import StateTopic

log = structlog.get_logger(__name__)

BEFORE_ALL = datetime(1970, 1, 1, tzinfo=UTC)

Now = Callable[[], datetime]
"""How those are told what time it is who answer people, or look after things from time to time."""


class Clock(Protocol):
    """Says what time it is and wakes who waits for it to move."""

    is_replay: bool

    def now(self) -> datetime:
        """The present instant, in UTC."""

    def recorded_at(self, occurred_at: datetime) -> datetime:
        """The instant to stamp on what happened at `occurred_at` and is accepted now."""

    async def moved(self, timeout_seconds: float) -> None:
        """Returns when the clock has jumped, after `wake`, or after `timeout_seconds`."""

    def wake(self) -> None:
        """Something is due that was not before: who waits for the clock looks again."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...


class _Waiting:
    """The part of a clock that lets others wait for it."""

    def __init__(self) -> None:
        self._wake = asyncio.Event()

    def wake(self) -> None:
        self._wake.set()

    async def moved(self, timeout_seconds: float) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._wake.wait(), timeout_seconds)
        self._wake.clear()


class SystemClock(_Waiting):
    """The machine's clock."""

    is_replay = False

    def now(self) -> datetime:
        return datetime.now(UTC)

    def recorded_at(self, occurred_at: datetime) -> datetime:
        return self.now()

    async def start(self) -> None: ...
    async def stop(self) -> None: ...


class ReplayClock(_Waiting):
    """Stands at the last tick. What is accepted is recorded as it occurs, never before the tick."""

    is_replay = True

    def __init__(self, bootstrap_servers: str, *, service: str) -> None:
        super().__init__()
        self._service = service
        self._now = BEFORE_ALL
        self._ticks = StateTopic(bootstrap_servers, CLOCK, self._hear, only_last=True)

    def now(self) -> datetime:
        return self._now

    def recorded_at(self, occurred_at: datetime) -> datetime:
        return max(self._now, occurred_at)

    def tick(self, now: datetime) -> None:
        """Moves to `now`; never back."""
        if now > self._now:
            self._now = now
            self.wake()

    async def start(self) -> None:
        await self._ticks.start()

    async def stop(self) -> None:
        await self._ticks.stop()

    def _hear(self, key: str, value: bytes | None) -> None:
        try:
            self.tick(ClockTicked.parse(value or b"").at(self._service))
        except ValidationError as error:
            log.error("clock.unreadable_tick", error=str(error))


def clock_for(settings: ServiceSettings, *, service: str) -> Clock:
    """The clock that the settings ask for."""
    if settings.clock == "replay":
        return ReplayClock(settings.kafka_bootstrap_servers, service=service)
    return SystemClock()
