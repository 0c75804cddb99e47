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
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import structlog
import uvloop
from aiokafka.errors import KafkaError
from fastapi import APIRouter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from careline_contracts.envelope import to_text
from careline_contracts.topics import WITHDRAWALS, Topic
from careline_runtime import metrics, telemetry
from careline_runtime.access import Access
from careline_runtime.batch import Hears
from careline_runtime.clock import clock_for
from careline_runtime.consumer import Consumer
from careline_runtime.database import create_engine
from careline_runtime.dead_letter import Streak
from careline_runtime.errors import Misconfigured
from careline_runtime.firing import Firing
from careline_runtime.followed_policy import FollowedPolicy
from careline_runtime.http import create_app, create_server
from careline_runtime.kafka_access import quiet_broker
from careline_runtime.lanes import LANES
from careline_runtime.outbox import Relay
from careline_runtime.progress import Progress
from careline_runtime.publisher import Publisher
from careline_runtime.settings import ServiceSettings
from careline_runtime.stages import Fire, Handle, Stage, TransactionalStage
from careline_runtime.state_topic import StateTopic
from careline_runtime.transforming import Transforms, TransformStage
from careline_runtime.unit_of_work import Unit
from careline_runtime.waiting import until_up

log = structlog.get_logger(__name__)

_UNFINISHED = text("""
    SELECT (SELECT count(*) FROM outbox), (SELECT count(*) FROM timers WHERE due_at <= :now)
""")

UPKEEP_SECONDS = 60.0
REST_SECONDS = 0.1

Upkeep = Callable[[], Awaitable[int]]
"""What a service does for itself from time to time, a bounded part at a time, such as forgetting
what is too old; returns how much it did (0: all done)."""


class Service:
    """One service of the five: it is told what to do and what to answer, then served.

    It either handles events, in transactions of its database, or transforms them without one.
    """

    engine: AsyncEngine
    """Of the database, where it handles."""
    _transactions: TransactionalStage
    _consumer: Consumer
    _progress: Progress

    def __init__(
        self,
        name: str,
        settings: ServiceSettings,
        *,
        policy: FollowedPolicy[Any, Any] | None = None,
        policy_version: str = "",
    ) -> None:
        self.name, self.settings = name, settings
        self.policy, self._policy_version = policy, policy_version
        self.access = Access.of(settings)
        self.clock = clock_for(settings, service=name)
        self.publisher = Publisher(settings.kafka_bootstrap_servers, client_id=f"careline-{name}")
        self.http = create_app(self)
        self.is_ready = False
        self._withdrawals = StateTopic(
            settings.kafka_bootstrap_servers, WITHDRAWALS, self.access.withdrawals.hear
        )
        self._broker = quiet_broker(settings, client_id=f"careline-{name}")
        self._relay: Relay | None = None
        self._goes_on: list[Callable[[], Coroutine[Any, Any, None]]] = []
        """What runs for ever once the service has started."""
        self._on_start: list[Callable[[], Awaitable[None]]] = []
        self._on_stop: list[Callable[[], Awaitable[None]]] = []
        self._upkeep: list[Upkeep] = []
        self._stop, self._failure = asyncio.Event(), ""

    def handle(
        self,
        hears: Sequence[Hears],
        handle: Handle,
        *,
        fire: Fire | None = None,
        timers_commute: bool = False,
        can_rest: bool = False,
        committed: Callable[[Unit], None] = lambda _: None,
    ) -> None:
        """Handles what it hears in units of work, fires its timers, tells of what is `committed`.

        Where timers commute, what several customers wait for may be fired side by side. Where
        nobody waits for a tenth of a second, it can rest after a small unit, so that the next is
        larger: each costs as much as a hundred events, and those who are waited for get the time.
        """

        def after_commit(unit: Unit) -> None:
            committed(unit)
            if unit.row is not None:
                relay.hand_over(unit.row, unit.said)
            firing.heed(unit)

        self.engine = create_engine(self.settings.database_url, service=self.name)
        self._relay = relay = Relay(self.engine, self.publisher)
        self._transactions = TransactionalStage(
            self.engine,
            service=self.name,
            hears=hears,
            handle=handle,
            fire=fire,
            timer_lanes=LANES if timers_commute else 1,
            most_events=self.settings.batch_max_records,
            attempts=self.settings.attempts,
            measure_latency=not self.clock.is_replay,
            streak=Streak(self.settings.dead_letters_in_a_row, self.fail),
            committed=after_commit,
        )
        # who moves the replay clock waits for every service
        rest_seconds = REST_SECONDS if can_rest and not self.clock.is_replay else 0.0
        self._consume([h.topic for h in hears], self._transactions, self.engine, rest_seconds)
        firing = Firing(self._transactions.fire_due, self.clock, self._consumer)
        self._goes_on += [firing.go_on, self._keep_up]
        self.keep_up(self._transactions.forget_old)

    def transform(self, transforms: Transforms) -> None:
        """Makes other records of those that it hears, without a database."""
        stage = TransformStage(
            self.publisher, transforms, service=self.name, attempts=self.settings.attempts
        )
        self._consume(transforms.topics, stage, None)

    def answer(self, *routers: APIRouter) -> None:
        """Answers these routes over HTTP, beside those that every service has."""
        for router in routers:
            self.http.include_router(router)

    def keep_up(self, *upkeep: Upkeep) -> None:
        """Does this from time to time, in this order, beside what it handles."""
        self._upkeep += upkeep

    def on_start(self, *steps: Callable[[], Awaitable[None]]) -> None:
        """Does this when clock and policy are known, before anything is heard."""
        self._on_start += steps

    def on_stop(self, *steps: Callable[[], Awaitable[None]]) -> None:
        """Does this when the last batch is settled."""
        self._on_stop += steps

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

        It commits when the block ends without error.
        """
        return self._transactions.unit()

    def connect(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection to the service's database, to read: `async with service.connect() as …`."""
        return self.engine.connect()

    def stop(self) -> None:
        """Asks for a graceful stop: the batch in hand is finished, what was said is published."""
        self._stop.set()

    @property
    def stalled(self) -> str:
        """Why the service makes no progress though there is work; empty when all is well."""
        return self._progress.stalled

    @property
    def waits_for(self) -> str:
        """Which server keeps the service from its work, in words; empty when none does."""
        return self._progress.waits_for

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
            "is_replay": self.clock.is_replay,
            "policy_version": self.policy_version,
            "positions": {f"{t}-{p}": o for (t, p), o in self._consumer.positions.items()},
            "events": _counts(),
            "outbox": 0,
            "timers_due": 0,
        }
        if self._relay is not None:
            async with self.connect() as connection:
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

    def _consume(
        self,
        topics: Sequence[Topic],
        stage: Stage,
        engine: AsyncEngine | None,
        rest_seconds: float = 0.0,
    ) -> None:
        self._consumer = Consumer(
            self._broker,
            topics,
            group=f"careline.{self.name}",
            stage=stage,
            engine=engine,
            settings=self.settings,
            failed=self.fail,
            rest_seconds=rest_seconds,
        )
        self._progress = Progress(
            self._consumer, engine, stalled_seconds=self.settings.stalled_seconds
        )
        self._goes_on += [self._consumer.commit_now_and_then, self._progress.watch]

    async def _live(self) -> None:
        """Starts, and ends only by an error: of the start, or of what goes on for ever."""
        await self._start()
        log.info("service.ready", port=self.settings.http_port, policy=self.policy_version)
        await asyncio.gather(*(go_on() for go_on in self._goes_on))

    async def _start(self) -> None:
        await until_up(self.clock.start, who="service")
        await until_up(self.publisher.start, who="service")
        await self._withdrawals.start()
        self.access.withdrawals.are_known = True
        if self.policy is not None:
            await self.policy.start(self.clock.now)
        for step in self._on_start:
            await step()
        if self._relay is not None:
            await self._relay.start()
        await until_up(self._broker.start, who="service")
        self.is_ready = True

    async def _shut_down(self) -> None:
        self.is_ready = False
        await self._consumer.leave()
        with contextlib.suppress(KafkaError, OSError):
            await self._broker.stop()
        if self._relay is not None:
            await self._relay.stop()
            await self.engine.dispose()
        for step in self._on_stop:
            await step()
        if self.policy is not None:
            await self.policy.stop()
        await self._withdrawals.stop()
        await self.publisher.stop()
        await self.clock.stop()

    async def _keep_up(self) -> None:
        while True:
            for upkeep in self._upkeep:
                try:
                    while await until_up(upkeep):
                        pass
                except Exception:
                    # what is put off here harms no event: it is tried again, and the log says so
                    log.exception("upkeep.failed")
            await asyncio.sleep(UPKEEP_SECONDS)


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
