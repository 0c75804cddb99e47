"""Merges: the survivor has the facts of all, whichever is heard first."""

from collections.abc import Sequence
from typing import Any

import pytest

from careline_contracts.topics import (
    SCORES,
    TIER_CHANGES,
)
from tests.scoring.by_hand import (
    Scoring,
    fresh_scoring,
)
from tests.scoring.life import ANN, BOB, CARL, kept, renumbered

pytestmark = pytest.mark.stack


async def test_a_merge_is_the_sum_of_both_and_the_absorbed_points_to_the_survivor(
    scoring: Scoring,
) -> None:
    await scoring.hear([scoring.purchase(ANN, 60_000, day=0, identity="phone:1")])
    await scoring.hear([scoring.purchase(BOB, 60_000, day=1, identity="phone:2")])
    await scoring.hear([scoring.merge(ANN, BOB, day=2)])
    tier = (await scoring.said_on(TIER_CHANGES))[-1]
    assert (tier["customer"], tier["from"], tier["to"]) == (ANN, "basic", "potential")
    assert "spend 120000.00 CNY" in tier["reasons"][0]
    scores = await scoring.said_on(SCORES)
    bobs_last = next(s for s in reversed(scores) if s["customer"] == BOB)
    assert bobs_last["merged_into"] == ANN
    assert bobs_last["tier"] == "basic"
    assert "next_change_at" not in bobs_last
    assert await scoring.rows("SELECT key FROM timers") == [(ANN,)]


async def test_an_activity_in_flight_during_a_merge_finds_the_survivor(scoring: Scoring) -> None:
    await scoring.hear([scoring.purchase(BOB, 100, day=0, identity="phone:2")])
    await scoring.hear([scoring.merge(ANN, BOB, day=1)])
    await scoring.hear(
        [
            scoring.purchase(BOB, 100, day=1, identity="phone:2"),
            scoring.purchase(BOB, 100, day=1, identity="phone:3"),
        ]
    )
    assert await scoring.rows("SELECT identity, customer FROM members ORDER BY 1") == [
        ("phone:2", ANN),
        ("phone:3", ANN),
    ]
    last = (await scoring.said_on(SCORES))[-1]
    assert last["customer"] == ANN
    assert last["dimensions"]["spending"] == "5.00"  # three small orders


@pytest.mark.parametrize("batch", [1, 10])
async def test_chained_merges_end_alike_whichever_is_heard_first(
    admin_url: str, batch: int
) -> None:
    async def end_of(order: Sequence[int]) -> dict[str, list[tuple[Any, ...]]]:
        async with fresh_scoring(admin_url) as scoring:
            events = [
                scoring.purchase(name, 100, day=day, identity=f"phone:{name}")
                for day, name in enumerate([ANN, BOB, CARL])
            ]
            merges = [scoring.merge(BOB, CARL, day=5), scoring.merge(ANN, BOB, day=6)]
            # names the survivor of both merges while one of them has not been heard
            late = scoring.purchase(ANN, 100, day=7, identity=f"phone:{CARL}")
            tail = [merges[0], merges[1], late]
            await scoring.hear(renumbered([*events, *(tail[i] for i in order)]), batch=batch)
            state = await kept(scoring)
            state["customers"] = [row for row in state["customers"] if row[-1] is None]
            return state

    expected = await end_of([0, 1, 2])
    assert expected["members"] == [(f"phone:{name}", ANN) for name in (ANN, BOB, CARL)]
    for order in ([1, 2, 0], [1, 0, 2]):
        assert await end_of(order) == expected


async def test_a_merge_heard_twice_changes_nothing(scoring: Scoring) -> None:
    await scoring.hear([scoring.purchase(ANN, 1, day=0), scoring.purchase(BOB, 1, day=0)])
    await scoring.hear([scoring.merge(ANN, BOB, day=1)])
    before = await scoring.said()
    await scoring.hear([scoring.merge(ANN, BOB, day=1)])
    assert await scoring.said() == before
