"""What tickets tell of a customer: promises that were broken, and how satisfied they were."""

from typing import Any

import pytest

from careline_contracts.events.profile import Move
from careline_contracts.events.ticketing import Target
from careline_contracts.topics import SCORES
from tests.scoring.by_hand import Scoring, fresh_scoring, noon
from tests.scoring.life import instant

pytestmark = pytest.mark.stack

ANN, BOB = "C-ann", "C-bob"


async def scores(scoring: Scoring) -> dict[str, dict[str, Any]]:
    """Each customer's score as it was said last."""
    return {score["customer"]: score for score in await scoring.said_on(SCORES)}


async def interaction(scoring: Scoring, customer: str = ANN) -> str:
    dimensions: dict[str, str] = (await scores(scoring))[customer]["dimensions"]
    return dimensions["interaction"]


async def test_a_broken_promise_costs_points_and_a_good_rating_brings_some(
    scoring: Scoring,
) -> None:
    await scoring.hear([scoring.activity(ANN, day=0)])
    assert await interaction(scoring) == "13.00"  # 7 + 3 + 1 + 2 for what is missing
    await scoring.hear([scoring.ticket(ANN, 2, day=1, broken={"first_response": 1})])
    await scoring.tick(noon(1))
    assert await interaction(scoring) == "12.00"
    broken: dict[Target, int] = {"first_response": 1, "resolution": 3}
    await scoring.hear([scoring.ticket(ANN, 4, day=3, broken=broken)])
    await scoring.tick(noon(3))
    assert await interaction(scoring) == "10.00"
    await scoring.hear([scoring.ticket(ANN, 6, day=5, broken=broken, rated={9: 5})])
    await scoring.tick(noon(5))
    assert await interaction(scoring) == "11.00"


async def test_what_a_ticket_tells_counts_once_the_clock_has_passed_its_instant(
    scoring: Scoring,
) -> None:
    await scoring.hear([scoring.activity(ANN, day=0)])
    broken = scoring.ticket(ANN, 2, day=1, broken={"first_response": 1})
    rated = scoring.ticket(ANN, 3, day=3, broken={"first_response": 1}, rated={0: 3})
    await scoring.hear([rated, broken])
    assert await scoring.next_due() == noon(1)
    await scoring.tick(noon(2))
    assert await interaction(scoring) == "12.00"
    assert await scoring.next_due() == noon(3)
    await scoring.tick(noon(400))
    at = [instant(score["as_of"]) for score in await scoring.said_on(SCORES)]
    assert at[:3] == [noon(0), noon(1), noon(3)]


async def test_a_breach_that_was_none_is_taken_back_as_if_it_had_never_been_said(
    admin_url: str,
) -> None:
    async with fresh_scoring(admin_url) as scoring, fresh_scoring(admin_url) as never:
        for each in (scoring, never):
            await each.hear([each.activity(ANN, day=0)])
        await scoring.hear([scoring.ticket(ANN, 2, day=1, broken={"first_response": 1})])
        await scoring.tick(noon(1))
        assert await interaction(scoring) == "12.00"
        await scoring.hear([scoring.ticket(ANN, 3, day=2)])
        await never.hear([never.ticket(ANN, 3, day=2)])
        for each in (scoring, never):
            await each.tick(noon(2))
            await each.hear([each.activity(ANN, day=3)])
        shown = ("total", "dimensions", "next_change_at")
        is_said, would_be = [(await scores(s))[ANN] for s in (scoring, never)]
        assert [is_said[name] for name in shown] == [would_be[name] for name in shown]
        assert await scoring.rows("SELECT kind, times FROM buckets ORDER BY day") == [
            ("app-session.started", 1),
            ("app-session.started", 1),
        ]


@pytest.mark.parametrize("batch", [1, 9])
async def test_only_the_latest_version_of_a_ticket_counts(scoring: Scoring, batch: int) -> None:
    news = [
        scoring.activity(ANN, day=0),
        scoring.ticket(ANN, 1, day=1),
        scoring.ticket(ANN, 2, day=2, broken={"resolution": 2}),
        scoring.ticket(ANN, 3, day=3, broken={"resolution": 2}, rated={3: 3}),
        scoring.ticket(ANN, 2, day=4, broken={"resolution": 2}),
        scoring.ticket(ANN, 4, day=5, merged_into="T-other"),
    ]
    await scoring.hear(news[:-1], batch=batch)
    await scoring.tick(noon(4))
    assert await interaction(scoring) == "11.00"  # 2 of 3 for the promise, 0 of 2 for the rating
    await scoring.hear(news[-1:])
    await scoring.tick(noon(5))
    assert await interaction(scoring) == "13.00"


async def test_a_ticket_that_is_heard_before_anything_else_of_its_customer_counts(
    scoring: Scoring,
) -> None:
    await scoring.hear([scoring.ticket(ANN, 2, day=1, broken={"first_response": 1})])
    await scoring.tick(noon(1))
    await scoring.hear([scoring.activity(ANN, day=0)])
    assert await interaction(scoring) == "12.00"


async def test_a_ticket_follows_the_identity_that_reported_it(scoring: Scoring) -> None:
    phone = "phone:bob"
    together = [Move(name=name, customer=ANN, move=1) for name in (phone, BOB)]
    apart = [Move(name=name, customer=BOB, move=2) for name in (phone, BOB)]
    await scoring.hear(
        [
            scoring.activity(ANN, day=0),
            scoring.activity(BOB, day=0, identity=phone),
            scoring.merge(ANN, BOB, day=1, moves=together),
            # named after the survivor, though the report was Bob's
            scoring.ticket(ANN, 2, day=2, broken={"first_response": 2}, identity=phone),
        ]
    )
    await scoring.tick(noon(2))
    assert await interaction(scoring) == "12.00"
    await scoring.hear([scoring.split(ANN, BOB, day=3, moves=apart)])
    assert await interaction(scoring) == "13.00"
    assert await interaction(scoring, BOB) == "12.00"
