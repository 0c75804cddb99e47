"""A service by itself with the database: what it costs, and how late it says what falls due."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer

from careline_cli.bench.measure import cpu_of, p99
from careline_cli.console import CommandError
from careline_contracts.envelope import from_headers
from careline_contracts.topics import Topic
from careline_localstack import LocalStack

SETTLES_SECONDS = 3


@dataclass(frozen=True)
class Due:
    """Events of one type, evenly spread from the first due instant on."""

    topic: Topic
    type: str
    count: int
    first: datetime
    within_seconds: int


class Alone(NamedTuple):
    """One service of a stack."""

    stack: LocalStack
    service: str

    def cpu_seconds_by_process(self) -> dict[str, float]:
        """CPU time used so far by the service and the database, its ended children too."""
        processes = (self.stack.services[self.service], self.stack.postgres)
        return {process.name: cpu_of(process) for process in processes}

    def cpu_seconds(self) -> float:
        """The same of both together."""
        return sum(self.cpu_seconds_by_process().values())

    async def idle_cpu_percent(self, seconds: int) -> float:
        """Share of one core that both use together when nothing happens."""
        await asyncio.sleep(SETTLES_SECONDS)
        before = self.cpu_seconds()
        await asyncio.sleep(seconds)
        return round(100 * (self.cpu_seconds() - before) / seconds, 2)

    async def lateness(self, due: Due, seed: Callable[[], Awaitable[None]]) -> dict[str, int]:
        """From each due instant until a consumer knows, and the CPU time that one takes.

        `seed` puts there what falls due. Raises `CommandError` if that takes too long.
        """
        consumer = AIOKafkaConsumer(due.topic.name, bootstrap_servers=self.stack.endpoints.kafka)
        await consumer.start()
        await consumer.seek_to_end()
        await seed()
        lead_seconds = (due.first - datetime.now(UTC)).total_seconds()
        if lead_seconds <= 0:
            raise CommandError("What was made up was not there before it fell due.")
        late: list[float] = []
        used_before = self.cpu_seconds()
        async with asyncio.timeout(lead_seconds + due.within_seconds + 120):
            while len(late) < due.count:
                batches = await consumer.getmany(timeout_ms=100)
                received = time.time()
                for record in chain.from_iterable(batches.values()):
                    envelope = from_headers(record.headers)
                    if envelope.type == due.type and envelope.recorded_at >= due.first:
                        late.append(1000 * (received - envelope.recorded_at.timestamp()))
        await consumer.stop()
        return {
            "due_cpu_us": round(1e6 * (self.cpu_seconds() - used_before) / due.count),
            "lateness_p50_ms": round(sorted(late)[len(late) // 2]),
            "lateness_p99_ms": round(p99(late)),
        }
