"""Kills, stops and wipes what it finds, at instants drawn from a seed, and heals it at once.

It is also the supervisor: a service that ends by itself is started again, and told about, because
no fault of another server is a reason to end.
"""

import asyncio
import os
import random
import signal
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import cycle, islice
from typing import Literal, NamedTuple

from careline_contracts.topics import SERVICES
from careline_localstack import LocalStack, StackError
from careline_localstack.server import Server

FaultKind = Literal["kill", "pause", "wipe"]

# of 25 faults 15 kill a service, 2 the broker, 2 PostgreSQL; 2 wipe Valkey, 4 stop a service
_MIX: tuple[tuple[FaultKind, str], ...] = (
    *(("kill", service) for service in SERVICES for _ in range(3)),
    *(("kill", "kafka"), ("kill", "postgres"), ("wipe", "valkey")) * 2,
    *(("pause", "any service"),) * 4,
)
_LONGEST_DELAY_SECONDS = 1.5
_SHORTEST_PAUSE_SECONDS = 3.0
_WATCH_SECONDS = 0.5


class Fault(NamedTuple):
    """What happens to whom, so many seconds after a step has begun."""

    step: int
    delay_seconds: float
    kind: FaultKind
    target: str
    pause_seconds: float

    def __str__(self) -> str:
        return f"step {self.step} + {self.delay_seconds:.2f} s: {self.kind} {self.target}"


class Strike(NamedTuple):
    """A fault that has happened, and how long it took until the server answered again."""

    fault: Fault
    healed_seconds: float


def draw_faults(seed: int, *, count: int, steps: int, longest_pause_seconds: float) -> list[Fault]:
    """`count` faults of the usual mix, over all steps."""
    chance = random.Random(f"faults {seed}")
    mix = chance.sample(_MIX, k=len(_MIX))
    faults = []
    for kind, target in islice(cycle(mix), count):
        faults.append(
            Fault(
                chance.randrange(steps),
                chance.uniform(0, _LONGEST_DELAY_SECONDS),
                kind,
                chance.choice(SERVICES) if target == "any service" else target,
                chance.uniform(_SHORTEST_PAUSE_SECONDS, longest_pause_seconds),
            )
        )
    return sorted(faults)


class Nemesis:
    """Strikes one stack."""

    def __init__(self, stack: LocalStack, faults: Sequence[Fault]) -> None:
        self.strikes: list[Strike] = []
        self.deaths: list[str] = []
        """Services that ended by themselves, with their last words."""
        self._stack = stack
        self._servers: dict[str, Server] = {
            "kafka": stack.kafka,
            "postgres": stack.postgres,
            "valkey": stack.valkey,
            **stack.services,
        }
        self._faults = defaultdict(list)
        for fault in faults:
            self._faults[fault.step].append(fault)
        # one fault of a server at a time; of several servers as it comes
        self._turns = {name: asyncio.Lock() for name in self._servers}
        self._striking: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def supervising(self) -> AsyncIterator[None]:
        """Services are started again as long as this lasts; at its end all faults are healed."""
        watching = asyncio.create_task(self._watch())
        try:
            yield
            await self.rest()
        finally:
            for task in (watching, *self._striking):
                task.cancel()
            await asyncio.gather(watching, *self._striking, return_exceptions=True)

    def begin(self, step: int) -> None:
        """The faults of this step are under way from now on."""
        for fault in self._faults[step]:
            self._striking.add(asyncio.create_task(self._strike(fault)))

    async def rest(self) -> None:
        """Returns when every fault so far has struck and is healed."""
        await asyncio.gather(*self._striking)
        self._striking.clear()

    async def _strike(self, fault: Fault) -> None:
        await asyncio.sleep(fault.delay_seconds)
        server = self._servers[fault.target]
        async with self._turns[fault.target]:
            struck_at = time.monotonic()
            match fault.kind:
                case "kill":
                    await asyncio.to_thread(server.kill)
                    await self._start(server)
                case "pause":
                    await self._pause(server, fault.pause_seconds)
                case "wipe":
                    await asyncio.to_thread(self._stack.valkey.wipe)
            self.strikes.append(Strike(fault, time.monotonic() - struck_at))

    async def _start(self, server: Server) -> None:
        """As a supervisor does: again, when it ends while it starts."""
        while True:
            try:
                return await asyncio.to_thread(server.start)
            except StackError as error:
                self.deaths.append(str(error))

    async def _pause(self, server: Server, seconds: float) -> None:
        pid = server.pid
        if pid is None:
            return  # it has just ended by itself, which `_watch` finds
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            for name in SERVICES:
                server = self._servers[name]
                if not self._turns[name].locked() and not server.is_running:
                    async with self._turns[name]:
                        self.deaths.append(f"{name}:\n{server.process.last_log_lines()}")
                        await self._start(server)
