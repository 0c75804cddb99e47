"""Two who were taken for one are cared for as two again."""

from itertools import permutations

import pytest
from sqlalchemy import text

from careline_contracts.events.profile import Move
from careline_engagement.testing import Engagement

pytestmark = pytest.mark.stack

ANN, BOB = "A", "B"


def moves(customer: str, count: int) -> list[Move]:
    """Bob's identity and number lead there; that is their move number `count`."""
    return [Move(name=name, customer=customer, move=count) for name in ("phone:B", BOB)]


async def rows(engagement: Engagement, query: str) -> list[tuple[object, ...]]:
    async with engagement.engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(text(query))]


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_a_split_parts_numbers_and_facts_whatever_is_heard_first(
    engagement: Engagement, order: tuple[int, ...]
) -> None:
    told = [
        lambda: engagement.merge(ANN, BOB, hours=1, moves=moves(ANN, 1)),
        lambda: engagement.split(ANN, BOB, hours=3, moves=moves(BOB, 2)),
        lambda: engagement.split(ANN, BOB, hours=3, moves=moves(BOB, 2)),
    ]
    await engagement.hear([engagement.touchpoint(BOB, 0, "call.completed", direction="inbound")])
    for place in order:
        await engagement.hear([told[place]()])
    assert await rows(engagement, "SELECT * FROM aliases") == []
    assert await rows(engagement, "SELECT DISTINCT number FROM facts") == [(BOB,)]


async def test_who_merges_again_after_a_split_is_one_again(engagement: Engagement) -> None:
    await engagement.hear([engagement.merge(ANN, BOB, hours=1, moves=moves(ANN, 1))])
    await engagement.hear([engagement.split(ANN, BOB, hours=3, moves=moves(BOB, 2))])
    await engagement.hear([engagement.merge(ANN, BOB, hours=5, moves=moves(ANN, 3))])
    assert await rows(engagement, "SELECT absorbed, survivor FROM aliases") == [(BOB, ANN)]
