"""When Kafka, room or time is short, senders are told to come again, and nothing is half taken."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from aiokafka.errors import KafkaConnectionError

from careline_ingest.api import Intake
from careline_ingest.policy import IngestPolicy
from tests.ingest.conftest import IS_BATCH, IS_STRUCTURED, URL, over_http

Purchase = Callable[..., dict[str, Any]]


async def test_nothing_is_accepted_that_kafka_did_not_acknowledge(
    http: httpx.AsyncClient, fake_publisher: Any, fake_window: Any, a_purchase: Purchase
) -> None:
    body = json.dumps([a_purchase()])
    fake_publisher.failure = KafkaConnectionError("no broker")
    answer = await http.post(URL, content=body, headers=IS_BATCH)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert fake_window.taken == set()

    fake_publisher.failure = None
    answer = await http.post(URL, content=body, headers=IS_BATCH)
    assert answer.json()[0]["status"] == "accepted", "the retry is not taken for a duplicate"


@pytest.mark.parametrize(
    "limit",
    [
        pytest.param({"max_requests_in_flight": 2}, id="too many requests: two fit"),
        pytest.param({"max_bytes_in_flight": 700}, id="too many bytes: two fit"),
    ],
)
async def test_beyond_what_fits_requests_are_turned_away_and_room_comes_back(
    an_intake: Callable[..., Intake],
    policy: IngestPolicy,
    a_purchase: Purchase,
    limit: dict[str, int],
) -> None:
    broker_answers = asyncio.Event()

    class SlowPublisher:
        async def publish(self, records: object) -> None:
            await broker_answers.wait()

    intake = an_intake(policy=policy.model_copy(update=limit), publisher=SlowPublisher())
    async with over_http(intake) as http:

        async def send(n: int) -> httpx.Response:
            body = json.dumps(a_purchase(id=str(n)))
            return await http.post(URL, content=body, headers=IS_STRUCTURED)

        requests = [asyncio.create_task(send(n)) for n in range(10)]
        turned_away = [await a for a in itertools.islice(asyncio.as_completed(requests), 8)]
        assert {a.status_code for a in turned_away} == {503}
        assert all("retry-after" in a.headers for a in turned_away)
        broker_answers.set()
        answers = await asyncio.gather(*requests)
        assert sum(a.status_code == 202 for a in answers) == 2
        assert (await send(11)).status_code == 202


async def test_a_body_that_does_not_arrive_gives_its_place_back(
    an_intake: Callable[..., Intake], policy: IngestPolicy
) -> None:
    hasty = policy.model_copy(update={"body_timeout_seconds": 0.3, "max_requests_in_flight": 1})
    intake = an_intake(policy=hasty)

    async def drop_by_drop() -> AsyncIterator[bytes]:
        yield b"["
        await asyncio.sleep(60)

    async with over_http(intake) as http:
        answer = await http.post(URL, content=drop_by_drop(), headers=IS_BATCH)
        assert answer.status_code == 408
        assert (await http.post(URL, content=b"[]", headers=IS_BATCH)).status_code == 202


async def test_before_it_is_ready_it_says_so(an_intake: Callable[..., Intake]) -> None:
    intake = an_intake(is_ready=lambda: False)
    async with over_http(intake) as http:
        answer = await http.post(URL, content=b"[]", headers=IS_BATCH)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
