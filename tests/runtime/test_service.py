"""A whole service on real servers: what comes in has its effect, what is said gets out."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx
import pytest
from aiokafka import ConsumerRecord
from fastapi import APIRouter, HTTPException
from sqlalchemy import text

from careline_contracts.envelope import Envelope, Record, to_headers
from careline_contracts.events.operations import ClockTicked
from careline_contracts.topics import CLOCK, DEAD_LETTERS, RAW
from careline_localstack import LocalStack
from careline_localstack.ports import choose_free_port
from careline_runtime.database import create_engine
from careline_runtime.errors import Misconfigured
from careline_runtime.service import Service
from careline_runtime.settings import ServiceSettings
from careline_runtime.transforming import Transforms
from tests.runtime.echo import NOON, Echo, publish, published, read, running
from tests.waiting import until


@pytest.mark.stack
async def test_an_event_goes_through_and_its_timer_fires_when_the_replay_clock_gets_there(
    stack: LocalStack, echo: Echo, database_url: str
) -> None:
    echo.later = NOON
    async with running(echo.service(stack, database_url)) as http:
        await publish(stack, [echo.visit(n) for n in range(100)])
        out = await published(stack, echo.outlet.name, 100)
        for customer in {key for key, _ in out}:
            ids = [int(id.removeprefix("echo-e")) for key, id in out if key == customer]
            assert ids == sorted(ids), "order per customer"

        tick = Envelope("t1", "/test", ClockTicked.type, NOON, NOON)
        now = ClockTicked(now=NOON).to_json()
        await publish(stack, [Record(CLOCK.name, "", to_headers(tick), now)])
        later = await published(stack, echo.outlet.name, 200)
        assert {id for _, id in later} == {
            f"{w}-e{n}" for w in ("echo", "later") for n in range(100)
        }

        async def is_drained() -> bool:
            status = (await http.get("/status")).json()
            positions = sum(status["positions"].values())
            return (positions, status["outbox"], status["timers_due"]) == (100, 0, 0)

        await until(is_drained)
        assert (await http.get("/health/live")).status_code == 200
        assert (await http.get("/health/ready")).status_code == 200
        assert "careline_events_handled_total" in (await http.get("/metrics")).text
        missing = await http.get("/nowhere")
        assert missing.headers["content-type"] == "application/problem+json"
    # a second life begins where the first ended
    engine = create_engine(database_url, service="test")
    async with running(echo.service(stack, database_url)), engine.connect() as connection:
        handled = await connection.execute(text("SELECT sum(next_offset) FROM consumer_offsets"))
        assert handled.scalar_one() == 100
    await engine.dispose()


@pytest.mark.stack
async def test_one_event_that_no_handler_can_take_is_put_aside_on_kafka_and_the_rest_flows(
    stack: LocalStack, echo: Echo, database_url: str
) -> None:
    echo.refuses = {"e41"}

    def of_this_test(records: Sequence[ConsumerRecord]) -> list[ConsumerRecord]:
        return [r for r in records if dict(r.headers)["dlq_topic"].decode() == echo.inlet.name]

    async with running(echo.service(stack, database_url)):
        await publish(stack, [echo.visit(n) for n in range(100)])
        out = await published(stack, echo.outlet.name, 99)
        letters = await read(stack, DEAD_LETTERS["scoring"].name, lambda r: bool(of_this_test(r)))
    assert {id for _, id in out} == {f"echo-e{n}" for n in range(100) if n != 41}
    [letter] = of_this_test(letters)
    refused = echo.visit(41)
    assert (letter.key.decode(), letter.value) == (refused.key, refused.value)
    headers = dict(letter.headers)
    assert headers["dlq_reason"] == b"handler_failed"
    assert b"RuntimeError" in headers["dlq_detail"]
    assert set(refused.headers) < set(letter.headers)


async def transform(records: Sequence[ConsumerRecord]) -> Sequence[Record]:
    return []


def a_service_without_servers(routes: APIRouter | None = None) -> Service:
    settings = ServiceSettings(
        kafka_bootstrap_servers="127.0.0.1:1", http_port=choose_free_port(), CARELINE_CLOCK="replay"
    )
    service = Service("ingest", settings)
    service.transform(Transforms([RAW["store"]], transform, lambda letter: letter))
    if routes:
        service.answer(routes)
    return service


async def test_a_service_that_waits_for_its_servers_at_start_still_stops_when_asked() -> None:
    service = a_service_without_servers()
    serving = asyncio.create_task(service.serve())
    url = f"http://127.0.0.1:{service.settings.http_port}/health/ready"
    async with httpx.AsyncClient() as http:

        async def answers() -> bool:
            with contextlib.suppress(httpx.ConnectError):
                return (await http.get(url)).status_code == 503
            return False

        await until(answers)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(serving, timeout=5)


async def test_a_head_that_does_not_end_ends_the_connection() -> None:
    service = a_service_without_servers()
    serving = asyncio.create_task(service.serve())
    port = service.settings.http_port

    async def listens() -> bool:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return True
        return False

    await until(listens)
    for head, status in ((b"x" * 8_000 + b"\r\n\r\n", b"503"), (b"x" * 80_000, b"431")):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /health/ready HTTP/1.1\r\nhost: x\r\nconnection: close\r\nlong: " + head)
        await writer.drain()
        answer = await asyncio.wait_for(reader.read(100), timeout=10)
        assert answer.startswith(b"HTTP/1.1 " + status)
        writer.close()
    service.stop()
    await asyncio.wait_for(serving, timeout=10)


async def test_a_taken_port_is_told_with_the_variable_that_chooses_another() -> None:
    service = a_service_without_servers()
    with (
        socket.create_server(("127.0.0.1", service.settings.http_port)),
        pytest.raises(Misconfigured, match=rf"{service.settings.http_port}.*set HTTP_PORT_INGEST"),
    ):
        await service.serve()


@asynccontextmanager
async def answering(routes: APIRouter) -> AsyncIterator[httpx.AsyncClient]:
    app = httpx.ASGITransport(a_service_without_servers(routes).http, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=app, base_url="http://test") as http:
        yield http


@pytest.fixture
def customers() -> APIRouter:
    routes = APIRouter()

    @routes.get("/customers")
    async def customers(limit: int) -> int:
        if limit > 100:
            raise HTTPException(403, "a hundred is enough for you")
        return 100 // limit

    return routes


async def test_a_flaw_in_a_request_is_pointed_at_in_a_problem(customers: APIRouter) -> None:
    async with answering(customers) as http:
        answer = await http.get("/customers", params={"limit": "many"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    [flaw] = answer.json()["errors"]
    assert (flaw["in"], flaw["pointer"]) == ("query", "/limit")
    assert "integer" in flaw["detail"]


@pytest.mark.parametrize(
    ("limit", "status", "title", "words"),
    [
        pytest.param(101, 403, "Forbidden", "a hundred is enough for you", id="refused"),
        pytest.param(0, 500, "Internal Server Error", "mistake", id="a bug of ours"),
    ],
)
async def test_a_problem_is_named_by_its_status_and_says_in_detail_what_it_is(
    customers: APIRouter, limit: int, status: int, title: str, words: str
) -> None:
    async with answering(customers) as http:
        answer = await http.get("/customers", params={"limit": limit})
    told = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (told["type"], told["status"], told["title"]) == ("about:blank", status, title)
    assert words in told["detail"]


@pytest.mark.stack
@pytest.mark.parametrize(
    ("asked", "value"),
    [
        pytest.param("SELECT CAST(:value AS text)", "a\0b", id="in a text"),
        pytest.param("SELECT CAST(:value AS jsonb)", '"a\\u0000b"', id="in JSON"),
    ],
)
async def test_a_character_that_no_database_keeps_is_the_askers_mistake(
    database_url: str, asked: str, value: str
) -> None:
    engine = create_engine(database_url, service="test")
    routes = APIRouter()

    @routes.get("/customers")
    async def customers() -> None:
        async with engine.connect() as connection:
            await connection.execute(text(asked), {"value": value})

    async with answering(routes) as http:
        answer = await http.get("/customers")
    await engine.dispose()
    assert (answer.status_code, "NUL" in answer.json()["detail"]) == (422, True)


async def test_the_page_of_the_interface_describes_refusals_as_they_are(
    customers: APIRouter,
) -> None:
    async with answering(customers) as http:
        page = (await http.get("/openapi.json")).json()
    answers = page["paths"]["/customers"]["get"]["responses"]
    assert list(answers) == ["200", "default"]
    assert list(answers["default"]["content"]) == ["application/problem+json"]
