"""The replay clock's driver: drain, tick, drain; once more for each who decides after the others.

Drained means that every service has handled everything that was published and has nothing left
to say or to fire. It is read twice around the services' own word, so that an event in flight
between two of them can't be missed: it would have moved an end offset.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from careline_cli.console import CommandError
from careline_contracts.envelope import Envelope, Record, from_text, to_headers, to_text
from careline_contracts.events.operations import ClockTicked
from careline_contracts.topics import CLOCK, SERVICES
from careline_localstack import Endpoints
from careline_runtime.errors import is_infrastructure
from careline_runtime.kafka_access import client_options
from careline_runtime.publisher import Publisher

POLL_SECONDS = 0.01
LONGEST_POLL_SECONDS = 0.02
POLL_SHARE = 0.02
"""Of the time waited so far: each look is work for Kafka and the services, which a long wait spares
them."""
FIRST_LOOK_SHARE = 0.7
LATEST_FIRST_LOOK_SECONDS = 0.3
"""Of the time that the last drain of its kind took: steps of a replay are much alike."""

DECIDES_LAST = ("scoring", "engagement")
"""Each passes an instant after all before it, and all who aren't named, have said what they have to
say of it (docs/decisions/0022-who-decides-last.md)."""

Status = Mapping[str, Any]


class Pipeline:
    """The running services, seen as one thing that is drained or is not."""

    def __init__(self, endpoints: Endpoints, *, services: Sequence[str] = SERVICES) -> None:
        self.endpoints = endpoints
        self.services = services
        self.publisher = Publisher(endpoints.kafka, client_id="careline-cli")
        self._http = httpx.AsyncClient(timeout=30)
        self._consumer = AIOKafkaConsumer(**client_options(endpoints.kafka))
        self._inputs: list[TopicPartition] = []
        self._slowest = ""
        self._lasted: dict[str, float] = {}
        """How long the last drain of each kind took, in seconds."""
        self._waits: dict[str, datetime] = {}
        """Where the clocks of those stand that decide last."""

    async def __aenter__(self) -> Self:
        await self.publisher.start()
        await self._consumer.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._consumer.stop()
        await self.publisher.stop()
        await self._http.aclose()

    async def get(self, service: str, path: str) -> dict[str, Any]:
        """What a service answers to GET `path`."""
        answer = await self._http.get(f"{self.endpoints.services[service]}{path}")
        answer.raise_for_status()
        result: dict[str, Any] = answer.json()
        return result

    async def statuses(self) -> dict[str, Status]:
        """`/status` of every service."""
        found = await asyncio.gather(*(self.get(service, "/status") for service in self.services))
        return dict(zip(self.services, found, strict=True))

    async def refuse_time_as_it_passes(self) -> None:
        """Raises `CommandError` unless every service's clock is ours to move."""
        try:
            statuses = await self.statuses()
        except httpx.HTTPError as error:
            raise CommandError(
                "Not every service answers.",
                why=str(error),
                fix="careline status shows what runs, careline up --clock replay starts it.",
            ) from error
        if running := [name for name, status in statuses.items() if not status["is_replay"]]:
            raise CommandError(
                "The clock of this stack cannot be moved: it runs.",
                why=f"{', '.join(running)}: time as it passes.",
                fix="careline down, then careline up --clock replay; or leave --replay-clock out.",
            )

    async def tick(self, now: datetime, *, timeout_seconds: float = 600) -> None:
        """Moves the replay clock to `now`, and returns when all that this causes has happened."""
        last = [service for service in DECIDES_LAST if service in self.services]
        waits = self._waits or {
            service: from_text((await self.get(service, "/status"))["clock"], name="clock")
            for service in last
        }
        for place in range(len(last) + 1):
            still = {service: waits[service] for service in last[place:]}
            await self._tick(ClockTicked(now=now, still=still), timeout_seconds)
        self._waits = dict.fromkeys(last, now)

    async def _tick(self, ticked: ClockTicked, timeout_seconds: float) -> None:
        now = ticked.now
        id = "-but-".join((f"tick-{to_text(now)}", *ticked.still))
        envelope = Envelope(id, "/careline/clock", ClockTicked.type, now, now)
        tick = Record(CLOCK.name, "", to_headers(envelope), ticked.to_json())
        await self.publish([tick], timeout_seconds=timeout_seconds)
        await self.drain(by=ticked, timeout_seconds=timeout_seconds)

    async def publish(self, records: Sequence[Record], *, timeout_seconds: float = 600) -> None:
        """Publishes in order per key; waits for a broker that restarts, and sends all again.

        Raises `CommandError` after the timeout.
        """
        deadline = time.monotonic() + timeout_seconds
        while True:
            try:
                return await self.publisher.publish(records)
            except (KafkaError, OSError) as error:
                if not is_infrastructure(error) or time.monotonic() > deadline:
                    raise CommandError(
                        "Kafka has not taken what was to be published.",
                        why=f"Its last answer: {type(error).__name__}: {error}",
                        fix="careline status says whether the broker runs.",
                    ) from error
            await asyncio.sleep(LONGEST_POLL_SECONDS)

    async def drain(
        self, *, by: ClockTicked | None = None, timeout_seconds: float = 600
    ) -> dict[str, Status]:
        """Returns the statuses once all is handled (and every clock stands where `by` says).

        Servers that restart meanwhile are waited for. Raises `CommandError` after the timeout.
        """
        started, pause = time.monotonic(), POLL_SECONDS
        waiting_for = "the services"
        kind = "events" if by is None else f"tick that {len(by.still)} wait for"
        nearly_over = FIRST_LOOK_SHARE * self._lasted.get(kind, 0)
        await asyncio.sleep(min(nearly_over, LATEST_FIRST_LOOK_SECONDS))
        while (waited := time.monotonic() - started) < timeout_seconds:
            try:
                before = await self._ends()
                statuses, waiting_for = await self._look(before, by)
                if not waiting_for and await self._ends() == before:
                    self._lasted[kind] = time.monotonic() - started
                    return statuses
            except (httpx.HTTPError, KafkaError, OSError) as error:
                waiting_for = f"an answer ({type(error).__name__})"
            await asyncio.sleep(pause)
            pause = min(max(LONGEST_POLL_SECONDS, POLL_SHARE * waited), pause * 1.5)
        raise CommandError(
            f"The pipeline has not drained in {timeout_seconds:.0f} s.",
            why=f"Still waiting for {waiting_for}.",
            fix="Look into the services' logs: careline status names the home, logs/ lies in it.",
        )

    async def lags(self, statuses: Mapping[str, Status]) -> dict[str, int]:
        """Events not handled yet, per service."""
        ends = await self._ends()
        return {
            service: sum(
                max(0, ends.get(name, position) - position)
                for name, position in status["positions"].items()
            )
            for service, status in statuses.items()
        }

    async def _ends(self) -> dict[str, int]:
        """The end offset of every partition that a service reads, by `topic-partition`."""
        if not self._inputs:
            statuses = await self.statuses()
            if not all(status["positions"] for status in statuses.values()):
                return {}
            names = {name for status in statuses.values() for name in status["positions"]}
            split = [name.rpartition("-") for name in sorted(names)]
            self._inputs = [TopicPartition(topic, int(number)) for topic, _, number in split]
        ends = await self._consumer.end_offsets(self._inputs)
        return {f"{p.topic}-{p.partition}": end for p, end in ends.items()}

    async def _look(
        self, ends: Mapping[str, int], by: ClockTicked | None
    ) -> tuple[dict[str, Status], str]:
        """Asks service by service until one is not done; returns what it waits for, in words.

        The one that was not done last time is asked first: most looks are a single request.
        """
        statuses: dict[str, Status] = {}
        for service in sorted(self.services, key=lambda name: name != self._slowest):
            statuses[service] = await self.get(service, "/status")
            if waiting_for := _unfinished(service, statuses[service], ends, by):
                self._slowest = service
                return statuses, waiting_for
        return statuses, ""


def _unfinished(
    service: str, status: Status, ends: Mapping[str, int], by: ClockTicked | None
) -> str:
    """What the service still has to do, in words; empty when nothing."""
    if not status["positions"]:
        return f"{service} to be given partitions"
    if by is not None and from_text(status["clock"], name="clock") < by.at(service):
        return f"the clock of {service}"
    for name, position in status["positions"].items():
        if position < ends.get(name, 0):
            return f"{service}: {ends[name] - position} events of {name}"
    if status["outbox"] or status["timers_due"]:
        return f"{service} to publish {status['outbox']} units, fire {status['timers_due']} timers"
    return ""
