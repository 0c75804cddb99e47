"""The harness itself: its numbers repeat a run, its links fail as told, its search finds."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from careline_localstack.ports import LOOPBACK
from tests.journeys.faults.links import Link
from tests.journeys.faults.load import PRIVATE_WORDS, phone_number
from tests.journeys.faults.nemesis import draw_faults
from tests.journeys.faults.numbers import Numbers
from tests.journeys.faults.privacy import personal
from tests.journeys.faults.recovery import Outages, until_work_falls

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def test_what_is_printed_gives_the_same_numbers_again() -> None:
    numbers = Numbers(seed=7, events=123, network_faults=9, late_percent=33, silent_days=1)
    printed = dict(setting.split("=") for setting in str(numbers).split())

    assert Numbers.from_environment(printed) == numbers
    assert draw_faults(numbers) == draw_faults(Numbers.from_environment(printed))


def test_each_commit_sees_25_faults_of_the_agreed_mix() -> None:
    faults = draw_faults(Numbers(seed=7))
    kinds = Counter(fault.kind for fault in faults)
    targets = Counter(fault.target for fault in faults if fault.kind in ("kill", "pause"))

    assert len(faults) == 25
    assert kinds["wipe"] == 2
    assert kinds["slow"] + kinds["silence"] + kinds["cut"] == 4
    assert targets == {
        **dict.fromkeys(("ingest", "profile", "scoring", "engagement", "ticketing"), 3),
        **dict.fromkeys(("kafka", "postgres"), 2),
    }


async def test_a_link_passes_on_what_is_said() -> None:
    async with _linked_to_an_echo() as (_, (reader, writer)):
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"


async def test_a_cut_resets_what_is_connected() -> None:
    async with _linked_to_an_echo() as (link, (reader, writer)):
        writer.write(b"hello")
        await reader.readexactly(5)
        link.cut()
        with pytest.raises(ConnectionResetError):
            await reader.read()


async def test_a_silent_link_accepts_and_loses_what_is_said() -> None:
    async with _linked_to_an_echo() as (link, _):
        silence = asyncio.create_task(link.fall_silent(0.2))
        await asyncio.sleep(0)
        reader, writer = await asyncio.open_connection(LOOPBACK, link.port)
        writer.write(b"hello")
        with pytest.raises(ConnectionResetError):
            await reader.read()
        await silence
        writer.close()


async def test_a_link_to_a_server_that_is_away_ends_each_connection() -> None:
    link = Link(lambda: 1)
    async with link.open():
        reader, writer = await asyncio.open_connection(LOOPBACK, link.port)
        assert await reader.read() == b""
        writer.close()


@contextlib.asynccontextmanager
async def _linked_to_an_echo() -> AsyncIterator[tuple[Link, Connection]]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionResetError):
            while said := await reader.read(100):
                writer.write(said)
        writer.close()

    server = await asyncio.start_server(echo, LOOPBACK, 0)
    link = Link(lambda: int(server.sockets[0].getsockname()[1]))
    async with server, link.open():
        reader, writer = await asyncio.open_connection(LOOPBACK, link.port)
        yield link, (reader, writer)
        writer.close()


async def test_work_has_fallen_when_less_is_left_than_just_before_and_somebody_says_so() -> None:
    answers: list[int | None] = [None, 5, 7, None, 7, 6, 5]

    async def left() -> int | None:
        return answers.pop(0)

    await until_work_falls(left)
    assert answers == [5]


def test_recovery_is_counted_from_the_end_of_every_other_outage() -> None:
    outages = Outages()
    with outages.lasting() as mine:
        with outages.lasting():
            assert outages.calm_for(apart_from=mine) == 0
        began = time.monotonic()
        assert outages.calm_for(since=began - 60, apart_from=mine) < 60, "from the other's end"
        assert outages.calm_for() == 0
    assert outages.calm_for(since=time.monotonic()) < 1


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(phone_number(17).encode(), id="a number"),
        pytest.param(b'{"value":"86139%08d"}' % 17, id="a number without its plus"),
        pytest.param(f"she says: {PRIVATE_WORDS} 4".encode(), id="a text"),
    ],
)
def test_personal_data_are_found(data: bytes) -> None:
    assert personal(data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"e286139000000172", id="a token that has the digits by chance"),
        pytest.param(b"member_card:0000017", id="no number and no text"),
    ],
)
def test_nothing_else_is_taken_for_personal_data(data: bytes) -> None:
    assert not personal(data)
