"""kill -9 at every named point of a unit's way: nothing is lost, and no effect is repeated.

The fault run kills at random instants; here each instant at which something becomes durable, or is
about to, is hit once on the real servers. Between them nothing lasts.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from itertools import count, islice
from pathlib import Path

import pytest
from aiokafka import ConsumerRecord
from sqlalchemy import text

from careline_contracts.envelope import from_headers
from careline_localstack import LocalStack
from careline_runtime.database import create_engine
from tests.runtime.crashing import POINTS, Kind
from tests.runtime.echo import Echo, publish, read

pytestmark = pytest.mark.stack

EVENTS_A_LIFE = 12
LEFT = text("""
    SELECT (SELECT count(*) FROM inbox), (SELECT sum(next_offset) FROM consumer_offsets),
        (SELECT count(*) FROM outbox), (SELECT count(*) FROM timers)
""")


@contextlib.asynccontextmanager
async def crashing(
    kind: Kind, stack: LocalStack, echo: Echo, database_url: str
) -> AsyncIterator[asyncio.StreamReader]:
    """The program of `crashing.py`; yields what it prints."""
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.runtime.crashing", kind, stack.endpoints.kafka, database_url),
        *(echo.inlet.name, echo.outlet.name),
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    assert program.stdout is not None
    try:
        yield program.stdout
        program.terminate()
        await program.wait()
    finally:
        # a life that was not killed where it was to be
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        await program.wait()


async def test_a_unit_of_work_survives_a_kill_at_every_point(
    stack: LocalStack, echo: Echo, database_url: str
) -> None:
    async with crashing("handles", stack, echo, database_url) as told:
        events = await lives("handles", told, stack, echo)
        expected = {f"{what}-e{n}" for what in ("echo", "later") for n in range(events)}
        said = await read(stack, echo.outlet.name, lambda found: set(ids(found)) >= expected)

    assert set(ids(said)) == expected
    assert contents_of_repeated(said) == set()
    in_order(said)
    engine = create_engine(database_url, service="test")
    async with engine.connect() as connection:
        assert (await connection.execute(LEFT)).one() == (events, events, 0, 0)
    await engine.dispose()


async def test_what_is_made_of_records_survives_a_kill_at_every_point(
    stack: LocalStack, echo: Echo, database_url: str
) -> None:
    async with crashing("transforms", stack, echo, database_url) as told:
        events = await lives("transforms", told, stack, echo)
        expected = {f"echo-e{n}" for n in range(events)}
        said = await read(stack, echo.outlet.name, lambda found: set(ids(found)) >= expected)

    assert set(ids(said)) == expected
    assert contents_of_repeated(said) == set()
    in_order(said)


async def lives(kind: Kind, told: asyncio.StreamReader, stack: LocalStack, echo: Echo) -> int:
    """Gives each life events, and sees it killed where it was to be; returns how many they were."""
    numbers = count()

    async def events() -> None:
        await publish(stack, [echo.visit(n) for n in islice(numbers, EVENTS_A_LIFE)])

    for point in POINTS[kind]:
        await events()
        async with asyncio.timeout(30):
            while not (line := await told.readline()).startswith((b"killed: ", b"ended: ")):
                assert line, "the program ended"  # it also logs
        assert line.decode().strip() == f"killed: {point.name}"
    await events()
    return next(numbers)


def ids(records: Sequence[ConsumerRecord]) -> list[str]:
    return [from_headers(record.headers).id for record in records]


def contents_of_repeated(records: Sequence[ConsumerRecord]) -> set[str]:
    """Ids under which different things were said."""
    first: dict[str, tuple[object, ...]] = {}
    return {
        id
        for id, r in zip(ids(records), records, strict=True)
        if first.setdefault(id, (r.key, r.value, r.headers)) != (r.key, r.value, r.headers)
    }


def in_order(records: Sequence[ConsumerRecord]) -> None:
    """A customer's events were first said in their order."""
    for customer in {record.key for record in records}:
        of_one = [record for record in records if record.key == customer]
        numbers = [int(id[6:]) for id in dict.fromkeys(ids(of_one)) if id.startswith("echo-")]
        assert numbers == sorted(numbers)
