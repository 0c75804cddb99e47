"""One run of the whole product on a stack of its own: publish, drain, tick, drain, to the end."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from pathlib import Path

import httpx
import uvloop
from aiokafka.errors import KafkaError

from careline_cli.console import CommandError
from careline_cli.replay import Pipeline
from careline_client import CarelineClient, Verdict
from careline_contracts.events.operations import ClockTicked
from careline_contracts.topics import SERVICES
from careline_localstack import Endpoints
from careline_localstack.ports import LOOPBACK
from careline_localstack.services import ServiceOptions
from careline_runtime.keyring import Keyring
from tests.journeys.faults.answers import answers_to
from tests.journeys.faults.cached import Cards, taken
from tests.journeys.faults.evidence import Evidence, gather, gather_files
from tests.journeys.faults.links import Link
from tests.journeys.faults.load import Load, Loaded, records
from tests.journeys.faults.nemesis import TICK, Fault, Nemesis
from tests.journeys.faults.numbers import Numbers
from tests.journeys.faults.recovery import Outboxes
from tests.journeys.faults.replaying import hear_again
from tests.journeys.faults.said import Topics
from tests.stacks import StackInTest

RECORDS_A_PUBLICATION = 100
LONGEST_PAUSE_OF_SENDER_SECONDS = 0.5
"""A fault is healed in seconds; who waits longer before trying again only makes the run longer."""
UNIT = "CARELINE_BATCH_MAX_RECORDS"
LOOK_SECONDS = 1.0
"""A server that can't say within this time what it has to do is no target worth waiting for."""


class LinkedStack(StackInTest):
    """A stack whose services reach PostgreSQL and Valkey over links that can fail."""

    def __init__(
        self, home: Path, *, environment: Mapping[str, str], events_a_unit: int | None
    ) -> None:
        self._environment = dict(environment)
        super().__init__(home, environment=self._environment)
        self.handle_at_once(events_a_unit)
        self.links = {
            "postgres": Link(lambda: self.postgres.port),
            "valkey": Link(lambda: self.valkey.port),
            "ingest": Link(lambda: self.services["ingest"].port),
        }

    @property
    def options(self) -> ServiceOptions:
        return ServiceOptions(clock="replay")

    def handle_at_once(self, events: int | None) -> None:
        """So many at most, each service from its next start on; None is what is usual."""
        if events is None:
            self._environment.pop(UNIT, None)
        else:
            self._environment[UNIT] = str(events)

    @property
    def direct_endpoints(self) -> Endpoints:
        """Past the links."""
        return super().endpoints

    @property
    def endpoints(self) -> Endpoints:
        direct = self.direct_endpoints
        postgres, valkey = self.links["postgres"].port, self.links["valkey"].port
        return replace(
            direct,
            databases={
                name: url.replace(f":{self.postgres.port}/", f":{postgres}/")
                for name, url in direct.databases.items()
            },
            valkey=direct.valkey.replace(f":{self.valkey.port}/", f":{valkey}/"),
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Everything is up, under the replay clock, as long as this lasts."""
        async with AsyncExitStack() as network:
            for link in self.links.values():
                await network.enter_async_context(link.open())
            try:
                await asyncio.to_thread(self.start)
                await asyncio.to_thread(self.start_services, self.options)
                yield
            finally:
                await asyncio.to_thread(self.stop)


class Channels:
    """The ways in: HTTP for some customers, Kafka for the others, and for what outreach came to."""

    def __init__(self, pipeline: Pipeline, client: CarelineClient, keyring: Keyring) -> None:
        self.answers: list[tuple[Loaded, Verdict]] = []
        """What ingest has said of each event that came over HTTP."""
        self.in_flight = 0
        """Events that wait for such an answer."""
        self.cards = Cards(pipeline)
        self._pipeline = pipeline
        self._client = client
        self._keyring = keyring

    async def send(self, arrived: Sequence[Loaded]) -> None:
        """Returns once Kafka, or ingest, has confirmed every one; agents look at cards too."""
        others = [loaded.record for loaded in arrived if not loaded.is_over_http]
        await asyncio.gather(
            self._pipeline.publish([*others, *answers_to(arrived, self._keyring)]),
            self._post([loaded for loaded in arrived if loaded.is_over_http]),
            self.cards.look(arrived),
        )

    async def _post(self, events: Sequence[Loaded]) -> None:
        self.in_flight = len(events)
        verdicts = await self._client.publish_all(loaded.to_event() for loaded in events)
        self.in_flight = 0
        self.answers += zip(events, verdicts, strict=True)


def play(
    name: str,
    load: Load,
    numbers: Numbers,
    *,
    directory: Path,
    keyring: Path,
    faults: Sequence[Fault] = (),
    events_a_unit: int | None = None,
) -> Evidence:
    """Starts a stack, lets the load and the silence after it happen, and reads what came of it.

    All runs share a keyring, so that an identity has the same token in each.
    """
    environment = {**os.environ, "CARELINE_KEYRING": str(keyring)}

    async def run() -> Evidence:
        stack = LinkedStack(directory / name, environment=environment, events_a_unit=events_a_unit)
        async with stack.running():
            evidence = await _play(stack, load, numbers, faults, Keyring.load(keyring))
        gather_files(evidence, stack)
        return evidence

    try:
        return uvloop.run(run())
    except CommandError as error:
        error.add_note(f"{numbers}, run {name}: {error.why}")
        raise


async def _play(
    stack: LinkedStack,
    load: Load,
    numbers: Numbers,
    faults: Sequence[Fault],
    keyring: Keyring,
) -> Evidence:
    async def sleep(seconds: float) -> None:
        await asyncio.sleep(min(seconds, LONGEST_PAUSE_OF_SENDER_SECONDS))

    async def work_in_hand(target: str) -> int | None:
        return await _work_in_hand(target, pipeline, channels)

    client = CarelineClient(
        f"http://{LOOPBACK}:{stack.links['ingest'].port}",
        patience_seconds=numbers.drain_seconds,
        sleep=sleep,
    )
    pipeline = Pipeline(stack.endpoints)
    channels = Channels(pipeline, client, keyring)
    nemesis = Nemesis(stack, stack.links, faults, work_in_hand)
    outboxes = Outboxes(stack.direct_endpoints.databases, nemesis.outages)
    async with pipeline, client, nemesis.supervising(), outboxes.watched():
        await pipeline.tick(load.start - numbers.step, timeout_seconds=numbers.drain_seconds)
        until = await _let_it_happen(load, numbers, pipeline, channels, nemesis)
        await nemesis.rest()
        await pipeline.drain(by=ClockTicked(now=until), timeout_seconds=numbers.drain_seconds)
        said = Topics(stack.home.root.with_suffix(".sqlite"))
        evidence = Evidence(
            until, nemesis.strikes, nemesis.deaths, outboxes.longest_seconds, said, channels.answers
        )
        await gather(evidence, stack)
        evidence.taken = await taken(stack.endpoints.valkey)
        evidence.stale_cards = await channels.cards.stale(
            stack.endpoints.valkey, calm_for=nemesis.outages.calm_for()
        )
    if faults:
        stack.handle_at_once(None)
        evidence.heard_again = await hear_again(
            stack, stack.options, clock=until, timeout_seconds=numbers.drain_seconds
        )
    return evidence


async def _let_it_happen(
    load: Load, numbers: Numbers, pipeline: Pipeline, channels: Channels, nemesis: Nemesis
) -> datetime:
    """Step by step: what arrives is sent and handled, then the clock moves; returns where it is."""
    for step, (until, arrived) in enumerate(steps(load, numbers)):
        for first in range(0, len(arrived), RECORDS_A_PUBLICATION):
            await channels.send(arrived[first : first + RECORDS_A_PUBLICATION])
            nemesis.reach(step, TICK * min(1.0, (first + RECORDS_A_PUBLICATION) / len(arrived)))
        await pipeline.drain(timeout_seconds=numbers.drain_seconds)
        nemesis.reach(step + 1, 0.0)
        await pipeline.tick(until, timeout_seconds=numbers.drain_seconds)
    return until


async def _work_in_hand(target: str, pipeline: Pipeline, channels: Channels) -> int | None:
    """What waits for this server: for Kafka and PostgreSQL, what waits for any service.

    None when somebody who is asked does not answer.
    """
    if target == "valkey":
        return channels.in_flight
    asked = [target] if target in SERVICES else SERVICES
    found = await asyncio.gather(*(_left_to_do(service, pipeline) for service in asked))
    known = [left for left in found if left is not None]
    if len(known) < len(found):
        return None
    return sum(known) + (channels.in_flight if target == "ingest" else 0)


async def _left_to_do(service: str, pipeline: Pipeline) -> int | None:
    """By the service's own word; None when it does not answer, or reads no partition yet."""
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            status = await pipeline.get(service, "/status")
            lags = await pipeline.lags({service: status})
    except (httpx.HTTPError, KafkaError, OSError):
        return None
    if not status["positions"]:
        return None
    return lags[service] + int(status["outbox"] + status["timers_due"])


def steps(load: Load, numbers: Numbers) -> Iterator[tuple[datetime, list[Loaded]]]:
    """Each step of the clock: what arrives up to it, and to when it goes then.

    What arrives at the very instant comes before the clock is there: once it is, engagement decides
    whatever it hears of that instant at once, and who is heard first is a matter of speed.
    """

    def place_of(loaded: Loaded) -> int:
        return max(0, -((load.start - loaded.arrives_at) // numbers.step) - 1)

    arrivals = {place: list(arrived) for place, arrived in groupby(records(load), place_of)}
    now = load.start
    for place in range(numbers.eventful_steps):
        now += numbers.step
        yield now, arrivals.get(place, [])
    for _ in range(numbers.silent_steps):
        now += numbers.silent_step
        yield now, []
