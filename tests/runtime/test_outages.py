"""While a server is away the service waits: it stays alive, says so, and loses nothing."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager

import asyncpg
import httpx
import psutil
import pytest

from careline_localstack import LocalStack
from careline_localstack.server import Server
from careline_runtime import progress
from tests.runtime.echo import Echo, publish, published, running
from tests.waiting import until

pytestmark = pytest.mark.stack

Outage = Callable[[Server], AbstractAsyncContextManager[None]]
STALLED_SECONDS = 1.0
NAMES = {"postgres": "PostgreSQL", "kafka": "Kafka"}
AS_FAST_AS_BEFORE_SECONDS = 5.0
"""Most of it is what a test needs to read a topic from its beginning."""
NO_SPACE = """
    CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = '53100'; END
    $$;
    CREATE TRIGGER full_disk BEFORE INSERT ON inbox EXECUTE FUNCTION no_space();
"""


@contextlib.asynccontextmanager
async def gone(server: Server) -> AsyncIterator[None]:
    """The server is killed, and started again."""
    await asyncio.to_thread(server.kill)
    try:
        yield
    finally:
        await asyncio.to_thread(server.start)


@contextlib.asynccontextmanager
async def hung(server: Server) -> AsyncIterator[None]:
    """Every process of the server stands still: it takes connections and answers nothing."""
    parent = psutil.Process(server.pid)
    processes = [parent, *parent.children(recursive=True)]
    _all(psutil.Process.suspend, processes)
    try:
        yield
    finally:
        _all(psutil.Process.resume, processes)


def _all(order: Callable[[psutil.Process], None], processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        # a backend of PostgreSQL lives no longer than its session
        with contextlib.suppress(psutil.NoSuchProcess):
            order(process)


@contextlib.asynccontextmanager
async def sluggish(server: Server) -> AsyncIterator[None]:
    """The server stands still most of the time, as on a disk that can't keep up."""

    async def beat() -> None:
        while True:
            async with hung(server):
                await asyncio.sleep(0.6)
            await asyncio.sleep(0.2)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await beating


@contextlib.asynccontextmanager
async def disk_full(database_url: str) -> AsyncIterator[None]:
    """Whoever writes is told what PostgreSQL says when there is no space left."""
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    await connection.execute(NO_SPACE)
    try:
        yield
    finally:
        await connection.execute("DROP FUNCTION no_space CASCADE")
        await connection.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "WATCH_SECONDS", 0.3)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("outage", [gone, hung])
@pytest.mark.parametrize("which", ["postgres", "kafka"])
async def test_an_outage_longer_than_a_stall_is_waited_out(
    stack: LocalStack, echo: Echo, database_url: str, which: str, outage: Outage
) -> None:
    server = {"postgres": stack.postgres, "kafka": stack.kafka}[which]
    service = echo.service(stack, database_url, stalled_seconds=STALLED_SECONDS)
    async with running(service) as http:
        await publish(stack, [echo.visit(n) for n in range(20)])
        await published(stack, echo.outlet.name, 20)
        async with outage(server):
            if which == "postgres":
                await publish(stack, [echo.visit(n) for n in range(20, 40)])
            await until(lambda: answers(http, "/health/ready", 503))
            assert (await http.get("/health/ready")).json()["detail"]
            begun = time.monotonic()

            async def is_long_over() -> bool:
                assert await answers(http, "/health/live", 200)
                assert await answers(http, "/health/ready", 503)
                return time.monotonic() - begun > 4 * STALLED_SECONDS

            await until(is_long_over)
        if which == "kafka":
            await publish(stack, [echo.visit(n) for n in range(20, 40)])
        out = await published(stack, echo.outlet.name, 40)
        await until(lambda: answers(http, "/health/ready", 200))
    assert {id for _, id in out} == {f"echo-e{n}" for n in range(40)}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("which", ["postgres", "kafka"])
async def test_behind_a_slow_disk_the_service_goes_on_slowly_and_says_what_it_waits_for(
    stack: LocalStack, echo: Echo, database_url: str, which: str
) -> None:
    server = {"postgres": stack.postgres, "kafka": stack.kafka}[which]
    async with running(echo.service(stack, database_url)) as http:
        await publish(stack, [echo.visit(n) for n in range(20)])
        await published(stack, echo.outlet.name, 20)
        async with sluggish(server):
            await publish(stack, [echo.visit(n) for n in range(20, 40)])
            await until(lambda: is_not_ready_for(http, NAMES[which]))
            await published(stack, echo.outlet.name, 40)
            assert await answers(http, "/health/live", 200), "degraded, and not dead"
        await until(lambda: answers(http, "/health/ready", 200))
        await publish(stack, [echo.visit(40)])
        async with asyncio.timeout(AS_FAST_AS_BEFORE_SECONDS):
            out = await published(stack, echo.outlet.name, 41)
        assert (await http.get("/status")).json()["events"]["dead_letters"] == 0
    assert {id for _, id in out} == {f"echo-e{n}" for n in range(41)}


async def test_a_full_disk_is_waited_out_and_nothing_is_put_aside_for_it(
    stack: LocalStack, echo: Echo, database_url: str
) -> None:
    async with running(echo.service(stack, database_url)) as http:
        async with disk_full(database_url):
            await publish(stack, [echo.visit(n) for n in range(20)])
            await until(lambda: answers(http, "/health/ready", 503))
            assert await answers(http, "/health/live", 200)
        out = await published(stack, echo.outlet.name, 20)
        await until(lambda: answers(http, "/health/ready", 200))
        assert (await http.get("/status")).json()["events"]["dead_letters"] == 0
    assert {id for _, id in out} == {f"echo-e{n}" for n in range(20)}


async def test_without_its_database_a_service_asks_to_come_again(
    stack: LocalStack, echo: Echo, database_url: str
) -> None:
    async with running(echo.service(stack, database_url)) as http:
        async with gone(stack.postgres):
            answer = await http.get("/status")
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
        assert int(answer.headers["retry-after"]) > 0


async def test_a_service_started_without_its_database_begins_once_that_is_there(
    stack: LocalStack, echo: Echo, database_url: str
) -> None:
    await publish(stack, [echo.visit(n) for n in range(20)])
    service = echo.service(stack, database_url)
    async with contextlib.AsyncExitStack() as life:
        async with gone(stack.postgres):
            http = await life.enter_async_context(running(service))
            await until(lambda: answers(http, "/health/ready", 503))
        out = await published(stack, echo.outlet.name, 20)
        await until(lambda: answers(http, "/health/ready", 200))
    assert {id for _, id in out} == {f"echo-e{n}" for n in range(20)}


async def is_not_ready_for(http: httpx.AsyncClient, what: str) -> bool:
    """Whether readiness is denied with this among its reasons."""
    answer = await http.get("/health/ready")
    return answer.status_code == 503 and what in answer.json()["detail"]


async def answers(http: httpx.AsyncClient, path: str, status: int) -> bool:
    return (await http.get(path)).status_code == status
