"""Waiting for a server that is away: again and again, with longer pauses, and never in silence.

What is waited for belongs to the process, as metrics do: the process is the service.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog

from careline_runtime import metrics
from careline_runtime.errors import is_infrastructure

log = structlog.get_logger(__name__)

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 5.0
MOMENT_SECONDS = 1.0
"""A deadlock, or another instance that was first, is over sooner than this."""

Result = TypeVar("Result")


@dataclass(eq=False)
class _Wait:
    since: float
    reason: str


_waits: set[_Wait] = set()


async def until_up(attempt: Callable[[], Awaitable[Result]], *, who: str = "unit") -> Result:
    """Runs `attempt`, again and again while a server is away; other errors pass through."""
    pause, wait = FIRST_PAUSE_SECONDS, _Wait(time.monotonic(), "")
    try:
        while True:
            try:
                return await attempt()
            except Exception as error:
                if not is_infrastructure(error):
                    raise
                wait.reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
                _waits.add(wait)
                metrics.infrastructure_waits.inc()
                log.warning(f"{who}.waits", error=wait.reason, seconds=pause)
                await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 (jitter)
                pause = min(LONGEST_PAUSE_SECONDS, pause * 2)
    finally:
        _waits.discard(wait)


def waited_for() -> str:
    """What has kept somebody waiting for more than a moment; empty when nothing does."""
    now = time.monotonic()
    long = [wait for wait in _waits if now - wait.since > MOMENT_SECONDS]
    if not long:
        return ""
    longest = min(long, key=lambda wait: wait.since)
    return f"waiting for {now - longest.since:.0f} s: {longest.reason}"
