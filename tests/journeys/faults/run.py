"""One run of the whole product on a stack of its own: publish, drain, tick, drain, to the end."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path

from careline_cli.console import CommandError
from careline_cli.load import Load, records
from careline_cli.replay import Pipeline
from careline_contracts.envelope import Record
from careline_localstack import LocalStack
from careline_localstack.services import ServiceOptions
from tests.journeys.faults.evidence import Evidence, gather
from tests.journeys.faults.nemesis import Fault, Nemesis
from tests.journeys.faults.numbers import Numbers

RECORDS_A_PUBLICATION = 200


def play(
    name: str,
    load: Load,
    numbers: Numbers,
    *,
    directory: Path,
    keyring: Path,
    faults: Sequence[Fault] = (),
) -> Evidence:
    """Starts a stack, lets the load and the silence after it happen, and reads what came of it.

    All runs share a keyring, so that an identity has the same token in each.
    """
    environment = {**os.environ, "CARELINE_KEYRING": str(keyring)}
    stack = LocalStack(directory / name, environment=environment)
    try:
        stack.start()
        stack.start_services(ServiceOptions(clock="replay"))
        return asyncio.run(_play(name, stack, load, numbers, faults))
    except CommandError as error:
        error.add_note(f"{numbers}, run {name}: {error.why}")
        raise
    finally:
        stack.stop()


async def _play(
    name: str, stack: LocalStack, load: Load, numbers: Numbers, faults: Sequence[Fault]
) -> Evidence:
    nemesis = Nemesis(stack, faults)
    async with Pipeline(stack.endpoints) as pipeline, nemesis.supervising():
        await pipeline.tick(load.start, timeout_seconds=numbers.drain_seconds)
        for step, (until, slice) in enumerate(steps(load, numbers)):
            nemesis.begin(step)
            await _publish(pipeline, slice)
            await pipeline.drain(timeout_seconds=numbers.drain_seconds)
            await pipeline.tick(until, timeout_seconds=numbers.drain_seconds)
        await nemesis.rest()
        statuses = await pipeline.drain(by=until, timeout_seconds=numbers.drain_seconds)
    evidence = Evidence(name, until, statuses, nemesis.strikes, nemesis.deaths)
    return await gather(evidence, stack.endpoints)


def steps(load: Load, numbers: Numbers) -> Iterator[tuple[datetime, list[Record]]]:
    """Each step of the clock: what arrives before it, and to when it goes then."""
    arrivals = {
        place: [loaded.record for loaded in arrived]
        for place, arrived in groupby(
            records(load), lambda loaded: (loaded.arrives_at - load.start) // numbers.step
        )
    }
    now = load.start
    for place in range(-(-numbers.days // numbers.days_a_step)):
        now += numbers.step
        yield now, arrivals.get(place, [])
    for _ in range(place + 1, numbers.steps):
        now += numbers.silent_step
        yield now, []


async def _publish(pipeline: Pipeline, slice: Sequence[Record]) -> None:
    for first in range(0, len(slice), RECORDS_A_PUBLICATION):
        await pipeline.publish(slice[first : first + RECORDS_A_PUBLICATION])
