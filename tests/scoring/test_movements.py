"""Who moved in a month and who is about to: by hand on a database, one truth with the decisions."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from careline_scoring import api
from tests.runtime.signed_in import api_in_test
from tests.scoring.by_hand import Scoring, midnight, noon

pytestmark = pytest.mark.stack

FEBRUARY = 31
"""The first day of February 2024, in days after New Year."""


@asynccontextmanager
async def asking(scoring: Scoring, day: int) -> AsyncIterator[httpx.AsyncClient]:
    """Who asks at noon of that day."""
    routes = api.router(scoring.engine.connect, lambda: scoring.timeline, lambda: noon(day))
    transport = httpx.ASGITransport(app=api_in_test(routes))
    async with httpx.AsyncClient(transport=transport, base_url="http://scoring") as client:
        yield client


@pytest.fixture
async def client(scoring: Scoring) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(scoring, FEBRUARY) as client:
        yield client


async def ask(client: httpx.AsyncClient, path: str, **asked: Any) -> Any:
    answer = await client.get(path, params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_flow_of_a_month(scoring: Scoring, client: httpx.AsyncClient) -> None:
    await scoring.hear(
        [
            scoring.activity("C-stays", day=3),
            scoring.activity("C-rises", day=4),
            scoring.activity("C-merges", day=5),
            scoring.purchase("C-rises", 25_000, day=FEBRUARY),
            scoring.merge("C-stays", "C-merges", day=FEBRUARY + 20),
            scoring.activity("C-new", day=FEBRUARY + 28),
            scoring.activity("C-march", day=FEBRUARY + 29),
        ]
    )
    february = await ask(client, "/v1/tiers/flow", month="2024-02")
    assert february["flow"] == {
        "edge": {"basic": 1, "edge": 1, "merged": 1},
        "new": {"edge": 1},
    }
    assert (february["customers"], february["moved"], february["moves"]) == (3, 1, 1)
    assert february["begin"] == {"core": 0, "potential": 0, "basic": 0, "edge": 3}
    assert february["end"] == {"core": 0, "potential": 0, "basic": 1, "edge": 2}
    # one of two stayed, the other rose; who was merged is neither
    assert february["retention"] == {
        "core": None,
        "potential": None,
        "basic": None,
        "edge": "1.0000",
    }
    january = await ask(client, "/v1/tiers/flow", month="2024-01")
    assert january["flow"] == {"new": {"edge": 3}}
    assert january["flap_rate"] is None


async def test_a_tier_that_comes_back_soon_after_it_was_left_is_a_flap(scoring: Scoring) -> None:
    await scoring.hear([scoring.purchase("C-ann", 25_000, day=0)])
    # basic until the purchase leaves the year and the month of holding is over: in January 2025
    await scoring.tick(noon(400))
    async with asking(scoring, 400) as client:
        left = await ask(client, "/v1/tiers/flow", month="2025-01")
    assert (left["flow"], left["moves"], left["flaps"]) == ({"basic": {"edge": 1}}, 1, 0)
    assert left["retention"]["basic"] == "0.0000"
    await scoring.hear([scoring.purchase("C-ann", 25_000, day=410)])
    async with asking(scoring, 410) as client:
        back = await ask(client, "/v1/tiers/flow", month="2025-02")
    assert (back["moves"], back["flaps"], back["flap_rate"]) == (1, 1, "1.0000")


async def test_what_was_held_for_all_its_days_does_not_flap(scoring: Scoring) -> None:
    await scoring.hear(
        [
            scoring.activity("C-ann", day=0),
            scoring.purchase("C-ann", 25_000, day=10),
            scoring.activity(
                "C-ann",
                "careline.purchase.returned.v1",
                day=11,
                amount_minor=2_500_000,
                currency="CNY",
            ),
        ]
    )
    await scoring.tick(noon(60))
    async with asking(scoring, 60) as client:
        fell = await ask(client, "/v1/tiers/flow", month="2024-02")
    assert (fell["flow"], fell["flaps"]) == ({"basic": {"edge": 1}}, 0), "on the 30th day"
    await scoring.hear([scoring.purchase("C-ann", 25_000, day=69)])
    async with asking(scoring, 69) as client:
        back = await ask(client, "/v1/tiers/flow", month="2024-03")
    assert (back["moves"], back["flaps"]) == (1, 1), "29 days later"


async def test_the_forecast_comes_true(scoring: Scoring, client: httpx.AsyncClient) -> None:
    await scoring.hear(
        [
            scoring.activity("C-ann", day=FEBRUARY - 86),
            scoring.activity("C-bob", day=FEBRUARY - 50),
            scoring.purchase("C-carl", 100, day=FEBRUARY),
        ]
    )
    await scoring.tick(noon(FEBRUARY))
    found = await ask(client, "/v1/forecast", days=7)
    assert (found["due"], found["looked_at"]) == (1, 1)
    [move] = found["moves"]
    assert (move["customer"], noon(0).fromisoformat(move["at"])) == (
        "C-ann",
        midnight(FEBRUARY + 4),
    )
    assert move["changes"] == [{"what": "need", "from": "none", "to": "dormant"}]
    assert found["summary"] == {"need": {"none": {"dormant": 1}}}
    said_before = len(await scoring.said())
    await scoring.tick(noon(FEBRUARY + 7))
    said = (await scoring.said())[said_before:]
    assert {record.key for record in said} == {"C-ann"}
    assert (await ask(client, "/v1/forecast", days=7, limit=0))["moves"] == []
