"""Requests that arrive together are published together; each is answered when Kafka has its own.

One publication takes a round trip to the broker whatever its size. Without this, single events
would wait in line for a round trip each.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from careline_contracts.envelope import Record


class Publishes(Protocol):
    """Returns when Kafka has acknowledged all records; the runtime's `Publisher` is one."""

    async def publish(self, records: Sequence[Record]) -> None: ...


class GroupPublisher:
    """While one group is on its way the next one gathers. What it holds, admission bounds."""

    def __init__(self, publisher: Publishes) -> None:
        self._publisher = publisher
        self._waiting: dict[asyncio.Future[None], Sequence[Record]] = {}
        self._running: asyncio.Task[None] | None = None

    async def publish(self, records: Sequence[Record]) -> None:
        """In order per key; raises what the publisher raised for the group."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[done] = records
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        try:
            await done
        finally:
            # a request that gave up leaves nothing behind
            self._waiting.pop(done, None)

    async def _run(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, {}
            failure: Exception | None = None
            try:
                await self._publisher.publish([r for records in group.values() for r in records])
            except Exception as error:  # noqa: BLE001 (each request decides what it means)
                failure = error
            for done in group:
                if done.done():
                    continue
                if failure is None:
                    done.set_result(None)
                else:
                    done.set_exception(failure)
