"""Several instances, histories in memory, units that fail: none of it shows."""

import asyncio

import pytest
from aiokafka import ConsumerRecord

from careline_contracts.topics import (
    SCORES,
)
from careline_scoring.testing import (
    Scoring,
    fresh_scoring,
    on,
)
from tests.scoring.life import ANN, BOB, kept, rows, said_on, some_events

pytestmark = pytest.mark.stack


async def test_two_instances_share_the_customers_of_a_merge(scoring: Scoring) -> None:
    """Activities of the absorbed and the merge arrive at two instances at once."""
    other = on(scoring.engine)
    other._named = 1_000
    await scoring.hear([scoring.purchase(n, 10, day=0, identity=f"phone:{n}") for n in (ANN, BOB)])

    def in_partition_1(record: ConsumerRecord) -> ConsumerRecord:
        record.partition = 1
        return record

    await asyncio.gather(
        scoring.hear([scoring.merge(ANN, BOB, day=2)]),
        other.hear(
            [
                in_partition_1(other.purchase(BOB, 10, day=1, identity=f"phone:{BOB}"))
                for _ in range(20)
            ],
            batch=1,
        ),
    )
    assert await rows(
        scoring,
        "SELECT m.customer, sum(times) FROM members m JOIN buckets USING (identity) GROUP BY 1",
    ) == [(ANN, 22)]
    last = [s for s in await said_on(scoring, SCORES) if s["customer"] == ANN][-1]
    assert last["dimensions"]["spending"] == "10.00"  # more than six orders of next to nothing


async def test_a_history_in_memory_is_left_aside_when_somebody_else_has_decided(
    admin_url: str,
) -> None:
    async with fresh_scoring(admin_url) as alone, fresh_scoring(admin_url) as one:
        await alone.hear(some_events(alone, seed=9))
        instances = [one, on(one.engine)]
        for turn, event in enumerate(some_events(one, seed=9)):
            await instances[turn % 2].hear([event])
        assert await one.said() == await alone.said()
        assert await kept(one) == await kept(alone)


async def test_a_unit_that_fails_leaves_nothing_in_memory(scoring: Scoring) -> None:
    await scoring.hear([scoring.purchase(ANN, 1, day=0)])
    bad = scoring.activity(ANN, "careline.purchase.completed.v1", day=1, amount_minor="many")
    await scoring.hear([scoring.purchase(ANN, 1, day=1), scoring.purchase(ANN, 1, day=1), bad])
    [*_, score] = await said_on(scoring, SCORES)
    assert score["dimensions"]["spending"] == "5.00"  # three orders; from four on it would be 8
