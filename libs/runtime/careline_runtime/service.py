"""The life of a service: settings → database → broker → health, and a graceful stop.

`run(build)` is all that a service's `__main__` does; `build(settings)` in its `app.py` wires it.
"""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any

import structlog
import uvloop
from aiokafka.errors import KafkaError
from fastapi import APIRouter
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from careline_contracts.envelope import to_text
from careline_contracts.topics import WITHDRAWALS
from careline_runtime import metrics, telemetry
from careline_runtime.access import Access
from careline_runtime.batch import Hears
from careline_runtime.clock import clock_for
from careline_runtime.consumer import Consumer
from careline_runtime.database import create_engine
from careline_runtime.dead_letter import Streak
from careline_runtime.errors import Misconfigured
from careline_runtime.followed_policy import FollowedPolicy
from careline_runtime.http import create_app, create_server
from careline_runtime.kafka_access import quiet_broker
from careline_runtime.lanes import LANES
from careline_runtime.outbox import Relay
from careline_runtime.publisher import Publisher
from careline_runtime.settings import ServiceSettings
from careline_runtime.stages import Fire, Handle, TransactionalStage, Transforms, TransformStage
from careline_runtime.state_topic import StateTopic
from careline_runtime.unit_of_work import Unit
from careline_runtime.waiting import until_up, waited_for

log = structlog.get_logger(__name__)

_UNFINISHED = text("""
    SELECT (SELECT count(*) FROM outbox), (SELECT count(*) FROM timers WHERE due_at <= :now)
""")

TIMER_POLL_SECONDS = 1.0
BUSY_TIMER_POLL_SECONDS = 0.1
"""Where timers were due just now, more are soon: of 20,000 in a minute none waits for a second."""
EVENTS_FIRST_SECONDS = 1.0
"""How long a unit of timers lets events go first that come in full polls.

A customer of whom more is heard meanwhile is looked at once for all of it: where engagement worked
off a backlog, 39 units of timers did what 68 had done.
"""
WATCH_SECONDS = 5.0
UPKEEP_SECONDS = 60.0

Upkeep = Callable[[], Awaitable[int]]
"""What a service does for itself from time to time, a bounded part at a time, such as forgetting
what is too old; returns how much it did (0: all done)."""


class Service:
    """One service of the five: either `handle` (with a database) or `transforms` (without).

    Where timers commute, what several customers wait for may be fired side by side.
    """

    def __init__(
        self,
        *,
        name: str,
        settings: ServiceSettings,
        hears: Sequence[Hears] = (),
        handle: Handle | None = None,
        fire: Fire | None = None,
        timers_commute: bool = False,
        transforms: Transforms | None = None,
        routers: Sequence[APIRouter] = (),
        upkeep: Upkeep | None = None,
        committed: Callable[[Unit], None] | None = None,
        policy_version: str = "",
        policy: FollowedPolicy[Any, Any] | None = None,
        on_start: Callable[[], Coroutine[Any, Any, None]] | None = None,
        on_stop: Callable[[], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        self.name, self.settings = name, settings
        self.policy, self._policy_version = policy, policy_version
        self.access = Access.of(settings)
        self._withdrawals = StateTopic(
            settings.kafka_bootstrap_servers, WITHDRAWALS, self.access.withdrawals.hear
        )
        self.clock = clock_for(settings, service=name)
        self.publisher = Publisher(settings.kafka_bootstrap_servers, client_id=f"careline-{name}")
        self.is_ready = False
        self.stalled = ""
        """Why the service makes no progress though there is work; empty when all is well."""
        self._silent = ""
        self._on_start, self._on_stop = on_start, on_stop
        self._upkeep, self._committed = upkeep, committed
        self._stop, self._failure = asyncio.Event(), ""
        self._tasks: list[asyncio.Task[None]] = []
        self._broker = quiet_broker(settings, client_id=f"careline-{name}")
        if handle is not None:
            self.engine = create_engine(settings.database_url, service=name)
            self._relay: Relay | None = Relay(self.engine, self.publisher)
            self._stage: TransactionalStage | TransformStage = TransactionalStage(
                self.engine,
                service=name,
                hears=hears,
                handle=handle,
                fire=fire,
                timer_lanes=LANES if timers_commute else 1,
                most_events=settings.batch_max_records,
                attempts=settings.attempts,
                measure_latency=not self.clock.is_replay,
                streak=Streak(settings.dead_letters_in_a_row, self.fail),
                committed=self._after_commit,
            )
        elif transforms is not None:
            self._relay = None
            self._stage = TransformStage(
                self.publisher, transforms, service=name, attempts=settings.attempts
            )
        else:
            raise ValueError("a service handles or transforms")
        self._consumer = Consumer(
            self._broker,
            transforms.topics if transforms is not None else [h.topic for h in hears],
            group=f"careline.{name}",
            stage=self._stage,
            engine=self.engine if handle is not None else None,
            settings=settings,
            failed=self.fail,
        )
        self.http = create_app(self, routers)
        self._due_soon: datetime | None = None

    async def serve(self) -> None:
        """Runs until SIGTERM or SIGINT; raises `Misconfigured` when it can't start."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        server = create_server(self.http, self.settings)
        serving = asyncio.create_task(server.serve(sockets=[self._listen()]))
        stopping = asyncio.create_task(self._stop.wait())
        living = asyncio.create_task(self._live())
        try:
            await asyncio.wait([stopping, serving, living], return_when=asyncio.FIRST_COMPLETED)
            if living.done():
                living.result()
        finally:
            stopping.cancel()
            living.cancel()
            await asyncio.gather(stopping, living, return_exceptions=True)
            await self._shut_down()
            server.should_exit = True
            await serving
        if self._failure:
            raise Misconfigured(self._failure)
        log.info("service.stopped")

    def fail(self, reason: str) -> None:
        """Stops the service for a reason that a person must look into: exit code 1."""
        log.critical("service.failed", reason=reason)
        self._failure = reason
        self._stop.set()

    def unit(self) -> AbstractAsyncContextManager[Unit]:
        """A unit of work in which a request changes something: `async with service.unit() as unit`.

        For the routes of a service with a database; it commits when the block ends without error.
        """
        assert isinstance(self._stage, TransactionalStage)
        return self._stage.unit()

    def stop(self) -> None:
        """Asks for a graceful stop: the batch in hand is finished, what was said is published."""
        self._stop.set()

    @property
    def waits_for(self) -> str:
        """Which server keeps the service from its work, in words; empty when none does."""
        return waited_for() or self._silent

    @property
    def policy_version(self) -> str:
        """The version of the policy in force."""
        if self.policy is None:
            return self._policy_version
        return self.policy.timeline.edition_at(self.clock.now()).version

    async def status(self) -> dict[str, Any]:
        """Where the service is: what a drain waits for, and what the demo shows."""
        result: dict[str, Any] = {
            "service": self.name,
            "clock": to_text(self.clock.now()),
            "policy_version": self.policy_version,
            "positions": {f"{t}-{p}": o for (t, p), o in self._consumer.positions.items()},
            "events": _counts(),
            "outbox": 0,
            "timers_due": 0,
        }
        if self._relay is not None:
            async with self.engine.connect() as connection:
                row = await connection.execute(_UNFINISHED, {"now": self.clock.now()})
                result["outbox"], result["timers_due"] = row.one()
        return result

    def _listen(self) -> socket.socket:
        host, port = self.settings.http_host, self.settings.http_port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            return socket.create_server((host, port), family=family)
        except OSError as error:
            name = f"HTTP_PORT_{self.name.upper()}"
            why = f"port {port} can't be had on {host} ({error.strerror})"
            raise Misconfigured(f"{why}: set {name}") from error

    async def _live(self) -> None:
        """Starts, and ends only by an error: of the start, or of a task that goes on for ever."""
        await self._start()
        log.info("service.ready", port=self.settings.http_port, policy=self.policy_version)
        await asyncio.gather(*self._tasks)

    async def _start(self) -> None:
        await until_up(self.clock.start, who="service")
        await until_up(self.publisher.start, who="service")
        await self._withdrawals.start()
        self.access.withdrawals.are_known = True
        if self.policy is not None:
            await self.policy.start(self.clock.now)
        if self._on_start is not None:
            await self._on_start()
        if self._relay is not None:
            await self._relay.start()
        await until_up(self._broker.start, who="service")
        if isinstance(self._stage, TransactionalStage):
            self._tasks.append(asyncio.create_task(self._fire_timers(self._stage)))
            self._tasks.append(asyncio.create_task(self._keep_up(self._stage)))
        self._tasks.append(asyncio.create_task(self._consumer.commit_now_and_then()))
        self._tasks.append(asyncio.create_task(self._watch()))
        self.is_ready = True

    async def _shut_down(self) -> None:
        self.is_ready = False
        await self._consumer.leave()
        with contextlib.suppress(KafkaError, OSError):
            await self._broker.stop()
        if self._relay is not None:
            await self._relay.stop()
            await self.engine.dispose()
        if self._on_stop is not None:
            await self._on_stop()
        if self.policy is not None:
            await self.policy.stop()
        await self._withdrawals.stop()
        await self.publisher.stop()
        await self.clock.stop()

    def _after_commit(self, unit: Unit) -> None:
        if self._committed is not None:
            self._committed(unit)
        assert self._relay is not None
        if unit.row is not None:
            self._relay.hand_over(unit.row, unit.said)
        soon = self.clock.now() + timedelta(seconds=TIMER_POLL_SECONDS)
        if unit.earliest_timer is not None and unit.earliest_timer <= soon:
            self._due_soon = min(self._due_soon or soon, unit.earliest_timer)
            self.clock.wake()

    async def _fire_timers(self, stage: TransactionalStage) -> None:
        while True:
            now, self._due_soon = self.clock.now(), None
            pause = TIMER_POLL_SECONDS
            while await self._fire_due(stage, now):
                pause = BUSY_TIMER_POLL_SECONDS
            if self._due_soon is not None:
                pause = max(0.0, (self._due_soon - self.clock.now()).total_seconds())
            await self.clock.moved(min(pause, TIMER_POLL_SECONDS))

    async def _fire_due(self, stage: TransactionalStage, now: datetime) -> bool:
        await self._consumer.caught_up(within_seconds=EVENTS_FIRST_SECONDS)
        return await stage.fire_due(now)

    async def _keep_up(self, stage: TransactionalStage) -> None:
        while True:
            while await stage.forget_old():
                pass
            await self._keep_up_the_service()
            await asyncio.sleep(UPKEEP_SECONDS)

    async def _keep_up_the_service(self) -> None:
        if self._upkeep is None:
            return
        try:
            while await until_up(self._upkeep):
                pass
        except Exception:
            # what is put off here harms no event: it is tried again, and those who read logs know
            log.exception("upkeep.failed")

    async def _watch(self) -> None:
        """Health is progress: lag that doesn't move for too long ends the process.

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
                stalled_seconds > self.settings.stalled_seconds / 2
            )
            if stalled_seconds > self.settings.stalled_seconds:
                raise Misconfigured(f"{self.stalled}; ending so that the supervisor restarts it")

    async def _ask_servers(self) -> dict[tuple[str, int], int]:
        """The lag per partition; takes note of a server that hangs, on which nothing fails."""
        silent, lags = "", {}
        try:
            async with asyncio.timeout(WATCH_SECONDS):
                lags = await self._consumer.lags()
        except (KafkaError, OSError):
            silent = "Kafka does not answer"
        if self._relay is not None:
            try:
                async with asyncio.timeout(WATCH_SECONDS), self.engine.connect() as connection:
                    await connection.execute(text("SELECT 1"))
            except (DBAPIError, PoolTimeoutError, OSError):
                silent = "PostgreSQL does not answer"
        self._silent = silent
        return lags


def run(build: Callable[[ServiceSettings], Service], *, service: str) -> None:
    """Runs a service to its end: exit code 0 when asked to stop, 1 with a reason otherwise."""

    async def main() -> None:
        settings = ServiceSettings.for_service(service)
        telemetry.configure(settings, service=service)
        built = build(settings)
        # units of 2,000 events hold 70,000 objects at once, and none in a cycle: default thresholds
        # would walk all of them again and again (16 µs an event were measured), this one never
        # does; what a cycle may hold until then was measured as 0.16 kB an object: 50 MB
        gc.collect()
        gc.freeze()
        gc.set_threshold(300_000, 50, 100)
        await built.serve()

    try:
        uvloop.run(main())
    except Misconfigured as error:
        sys.stderr.write(f"careline {service}: {error}\n")
        sys.stderr.flush()
        # a thread of a library must not keep a service alive that has given up
        os._exit(1)


def _counts() -> dict[str, int]:
    counted = {
        "in": metrics.events_received,
        "handled": metrics.events_handled,
        "out": metrics.events_published,
        "duplicate": metrics.events_duplicate,
        "dead_letters": metrics.dead_letters,
    }
    return {short: metrics.total(counter) for short, counter in counted.items()}
