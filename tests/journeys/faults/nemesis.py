"""Kills, stops, wipes and cuts off what has work in hand, as drawn from a seed; heals it at once.

It is also the supervisor: a service that ends by itself is started again, and told about, because
no fault of another server is a reason to end.
"""

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import cycle, islice, product
from typing import Literal, NamedTuple

import psutil

from careline_contracts.topics import SERVICES
from careline_localstack import LocalStack, StackError
from careline_localstack.server import Server
from tests.journeys.faults.links import Link
from tests.journeys.faults.numbers import Numbers
from tests.journeys.faults.recovery import Outages, until_work_falls

FaultKind = Literal["kill", "pause", "wipe", "slow", "silence", "cut"]

TICK = 1.0
"""The place in a step at which all its events are out and the clock moves on."""
_LATEST_PLACE = 1.25 * TICK
"""What would come after all events comes with the tick: timers fire then."""
_LATEST_PLACE_AT_THE_EDGE = 0.8 * TICK
"""Ingest and its cache have nothing to do unless more events are to come."""
_SHORTEST_PAUSE_SECONDS = 3.0
_LONGEST_WAIT_FOR_WORK_SECONDS = 1.0
_LOOK_SECONDS = 0.005
_WATCH_SECONDS = 0.5

_Choice = tuple[FaultKind, str]
_NETWORK: tuple[_Choice, ...] = tuple(
    product(("slow", "silence", "cut"), ("postgres", "valkey", "ingest"))
)


class Fault(NamedTuple):
    """What happens to whom, once this share of a step's events is out and the target has work."""

    step: int
    place: float
    kind: FaultKind
    target: str
    seconds: float
    """How long it lasts, where it is not over at once."""

    def __str__(self) -> str:
        return f"step {self.step} + {self.place:.0%}: {self.kind} {self.target}"


class Strike(NamedTuple):
    """A fault that has happened, and how long it took until all was well again."""

    fault: Fault
    work: int
    """What the target had in hand: events to handle, timers to fire, units to publish."""
    healed_seconds: float
    """Until the server answered again."""
    recovered_seconds: float
    """From then until its work was seen to fall; of a service from the strike, because its start
    is a part of it. The time in which another fault lasts does not count."""

    def __str__(self) -> str:
        return (
            f"{self.fault}, {self.work} in hand, healed in {self.healed_seconds:.1f} s, "
            f"recovered in {self.recovered_seconds:.1f} s"
        )


def draw_faults(numbers: Numbers) -> list[Fault]:
    """As many of each kind as the numbers say, over all steps that have events."""
    chance = random.Random(f"faults {numbers.seed}")
    faults = []
    for kind, target in _mix(numbers, chance):
        is_at_the_edge = target in ("ingest", "valkey")
        latest = _LATEST_PLACE_AT_THE_EDGE if is_at_the_edge else _LATEST_PLACE
        faults.append(
            Fault(
                chance.randrange(numbers.eventful_steps),
                min(TICK, chance.uniform(0, latest)),
                kind,
                target,
                chance.uniform(_SHORTEST_PAUSE_SECONDS, numbers.longest_pause_seconds),
            )
        )
    return sorted(faults)


def _mix(numbers: Numbers, chance: random.Random) -> Iterator[_Choice]:
    """Every server and every way in turn, beginning anywhere."""
    wanted: tuple[tuple[int, Sequence[_Choice]], ...] = (
        (numbers.service_kills, [("kill", service) for service in SERVICES]),
        (numbers.service_pauses, [("pause", service) for service in SERVICES]),
        (numbers.broker_faults, [("kill", "kafka"), ("pause", "kafka")]),
        (numbers.postgres_faults, [("kill", "postgres"), ("pause", "postgres")]),
        (numbers.valkey_wipes, [("wipe", "valkey")]),
        (numbers.network_faults, _NETWORK),
    )
    for count, choices in wanted:
        yield from islice(cycle(chance.sample(choices, k=len(choices))), count)


class Nemesis:
    """Strikes one stack; `work_in_hand` says what a server has to do at this moment."""

    def __init__(
        self,
        stack: LocalStack,
        links: Mapping[str, Link],
        faults: Sequence[Fault],
        work_in_hand: Callable[[str], Awaitable[int | None]],
    ) -> None:
        self.outages = Outages()
        self.strikes: list[Strike] = []
        self.deaths: list[str] = []
        """Services that ended by themselves, with their last words."""
        self._stack = stack
        self._links = links
        self._servers: dict[str, Server] = {
            "kafka": stack.kafka,
            "postgres": stack.postgres,
            "valkey": stack.valkey,
            **stack.services,
        }
        self._faults = list(faults)
        self._work_in_hand = work_in_hand
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

    def reach(self, step: int, place: float) -> None:
        """The run has come so far: what was to happen before is under way."""
        while self._faults and self._faults[0][:2] < (step, place):
            self._striking.add(asyncio.create_task(self._strike(self._faults.pop(0))))

    async def rest(self) -> None:
        """Returns when every fault so far has struck and is healed."""
        await asyncio.gather(*self._striking)
        self._striking.clear()

    async def _strike(self, fault: Fault) -> None:
        async with self._turns[fault.target]:
            work = await self._wait_for_work(fault.target)
            struck_at = time.monotonic()
            with self.outages.lasting() as outage:
                await self._commit(fault)
                healed_at = time.monotonic()
                await until_work_falls(lambda: self._work_in_hand(fault.target))
            # to be started again is a part of a service's own recovery
            since = struck_at if fault.target in SERVICES else healed_at
            recovered_seconds = self.outages.calm_for(since=since, apart_from=outage)
            strike = Strike(fault, work, healed_at - struck_at, recovered_seconds)
            self.strikes.append(strike)

    async def _wait_for_work(self, target: str) -> int:
        """What the target has in hand as soon as it has any; 0 when nothing comes."""
        deadline = time.monotonic() + _LONGEST_WAIT_FOR_WORK_SECONDS
        while time.monotonic() < deadline:
            if work := await self._work_in_hand(target):
                return work
            await asyncio.sleep(_LOOK_SECONDS)
        return 0

    async def _commit(self, fault: Fault) -> None:
        server = self._servers[fault.target]
        match fault.kind:
            case "kill":
                await asyncio.to_thread(server.kill)
                await self._start(server)
            case "pause":
                await _pause(server, fault.seconds)
            case "wipe":
                await asyncio.to_thread(self._stack.valkey.wipe)
            case "slow":
                await self._links[fault.target].slow_down(fault.seconds)
            case "silence":
                await self._links[fault.target].fall_silent(fault.seconds)
            case "cut":
                self._links[fault.target].cut()

    async def _start(self, server: Server) -> None:
        """As a supervisor does: again, when it ends while it starts."""
        while True:
            try:
                return await asyncio.to_thread(server.start)
            except StackError as error:
                self.deaths.append(str(error))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            for name in SERVICES:
                server = self._servers[name]
                if not self._turns[name].locked() and not server.is_running:
                    async with self._turns[name]:
                        self.deaths.append(f"{name}:\n{server.process.last_log_lines()}")
                        await self._start(server)


async def _pause(server: Server, seconds: float) -> None:
    """The server and all its children stand still; it may have ended by itself just now."""
    if server.pid is None:
        return
    parent = psutil.Process(server.pid)
    stopped = [parent.pid, *(child.pid for child in parent.children(recursive=True))]
    _signal_all(stopped, signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        _signal_all(stopped, signal.SIGCONT)


def _signal_all(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue  # a backend of PostgreSQL lives no longer than its session
