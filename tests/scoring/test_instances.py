"""Several instances, two lanes, histories in memory, units that fail: none of it shows."""

import asyncio
from collections.abc import Sequence
from operator import attrgetter

import pytest
from aiokafka import ConsumerRecord

from careline_contracts.envelope import from_headers
from careline_contracts.topics import (
    SCORES,
)
from tests.scoring.by_hand import (
    Scoring,
    fresh_scoring,
    on,
)
from tests.scoring.life import ANN, BOB, CARL, kept, some_events

pytestmark = pytest.mark.stack


async def test_two_instances_share_the_customers_of_a_merge(scoring: Scoring) -> None:
    """Activities of the absorbed and the merge arrive at two instances at once."""
    other = on(scoring.engine)
    other._named = 1_000
    await scoring.hear([scoring.purchase(n, 10, day=0, identity=f"phone:{n}") for n in (ANN, BOB)])
    await asyncio.gather(
        scoring.hear([scoring.merge(ANN, BOB, day=2)]),
        other.hear(in_partition(1, twenty_purchases_of_bob(other)), batch=1),
    )
    await assert_that_ann_has_all(scoring)


async def test_two_lanes_share_the_customers_of_a_merge(scoring: Scoring) -> None:
    """The same in one poll of one instance, whose lanes have their histories in common."""
    scoring = on(scoring.engine, most_events=4)
    await scoring.hear([scoring.purchase(n, 10, day=0, identity=f"phone:{n}") for n in (ANN, BOB)])
    poll = [
        scoring.merge(ANN, BOB, day=2),
        *in_partition(1, twenty_purchases_of_bob(scoring)),
    ]
    await scoring.hear(poll)
    await assert_that_ann_has_all(scoring)


def twenty_purchases_of_bob(scoring: Scoring) -> list[ConsumerRecord]:
    return [scoring.purchase(BOB, 10, day=1, identity=f"phone:{BOB}") for _ in range(20)]


def in_partition(number: int, records: Sequence[ConsumerRecord]) -> Sequence[ConsumerRecord]:
    for record in records:
        record.partition = number
    return records


async def assert_that_ann_has_all(scoring: Scoring) -> None:
    assert await scoring.rows(
        "SELECT m.customer, sum(times) FROM members m JOIN buckets USING (identity) GROUP BY 1",
    ) == [(ANN, 22)]
    last = [s for s in await scoring.said_on(SCORES) if s["customer"] == ANN][-1]
    assert last["dimensions"]["spending"] == "10.00"  # more than six orders of next to nothing


async def test_two_lanes_say_of_each_customer_what_one_would(admin_url: str) -> None:
    async with fresh_scoring(admin_url) as alone, fresh_scoring(admin_url) as one:
        await alone.hear(some_events(alone, seed=9))
        events = some_events(one, seed=9)
        for event in events:
            event.partition = [ANN, BOB, CARL].index(from_headers(event.headers).key)
        await on(one.engine, most_events=5).hear(events, batch=10)
        of_one_key = attrgetter("key")  # sorting is stable: the order under each key stays
        assert sorted(await one.said(), key=of_one_key) == sorted(
            await alone.said(), key=of_one_key
        )
        assert await kept(one) == await kept(alone)


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
    [*_, score] = await scoring.said_on(SCORES)
    assert score["dimensions"]["spending"] == "5.00"  # three orders; from four on it would be 8
