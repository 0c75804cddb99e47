"""What was merged by mistake and split again scores as if it had never been one."""

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from sqlalchemy import text

from careline_contracts.events.profile import Move
from tests.scoring.by_hand import Scoring, fresh_scoring

pytestmark = pytest.mark.stack

ANN, BOB = "C-ANN", "C-BOB"
ANNS, BOBS = "phone:1", "phone:2"


def moves(customer: str, count: int) -> tuple[Move, ...]:
    """Bob's identity and number lead there; that is their move number `count`."""
    return tuple(Move(name=name, customer=customer, move=count) for name in (BOBS, BOB))


def bobs(scoring: Scoring, named: str, *, day: int) -> ConsumerRecord:
    return scoring.purchase(named, 30_000, day=day, identity=BOBS)


def before(scoring: Scoring) -> list[ConsumerRecord]:
    return [scoring.purchase(ANN, 60_000, day=0, identity=ANNS), bobs(scoring, BOB, day=1)]


def after(scoring: Scoring) -> list[ConsumerRecord]:
    """Later traffic of both."""
    return [
        scoring.purchase(ANN, 5_000, day=9, identity=ANNS),
        scoring.activity(BOB, "careline.complaint.raised.v1", day=9, identity=BOBS),
    ]


def in_order(events: Sequence[ConsumerRecord]) -> list[ConsumerRecord]:
    """The events at the offsets of this order."""
    return [replace(event, offset=place) for place, event in enumerate(events, start=1)]


async def scores(scoring: Scoring) -> list[tuple[Any, ...]]:
    query = text("""
        SELECT number, as_of, points, value, need, risk, tier, tags, next_change_at, merged_into
        FROM customers ORDER BY number
    """)
    async with scoring.engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(query)]


async def never_merged(admin_url: str) -> list[tuple[Any, ...]]:
    async with fresh_scoring(admin_url) as scoring:
        middle = [bobs(scoring, BOB, day=day) for day in (4, 5)]
        await scoring.hear(in_order([*before(scoring), *middle, *after(scoring)]))
        return await scores(scoring)


async def test_nobody_can_tell_that_two_were_merged_and_split(admin_url: str) -> None:
    expected = await never_merged(admin_url)
    for batch in (1, 3, 20):
        async with fresh_scoring(admin_url) as scoring:
            one = [
                scoring.merge(ANN, BOB, day=3, moves=moves(ANN, 1)),
                bobs(scoring, ANN, day=4),
                bobs(scoring, ANN, day=5),
            ]
            split = scoring.split(ANN, BOB, day=7, moves=moves(BOB, 2))
            events = [*before(scoring), *one, split, *after(scoring)]
            await scoring.hear(in_order(events), batch=batch)
            assert await scores(scoring) == expected


async def test_a_merge_and_its_split_end_alike_in_whatever_order_they_are_heard(
    admin_url: str,
) -> None:
    """They are said under several numbers, and so lie on several partitions."""
    expected = await never_merged(admin_url)
    for order in permutations(range(4)):
        async with fresh_scoring(admin_url) as scoring:
            told = [
                scoring.merge(ANN, BOB, day=3, moves=moves(ANN, 1)),
                # named by who Bob was at the time
                bobs(scoring, ANN, day=4),
                bobs(scoring, ANN, day=5),
                scoring.split(ANN, BOB, day=7, moves=moves(BOB, 2)),
            ]
            shuffled = [told[place] for place in order]
            repeated = scoring.split(ANN, BOB, day=7, moves=moves(BOB, 2))
            batch = random.Random(str(order)).choice((1, 2, 9))
            events = [*before(scoring), *shuffled, repeated, *after(scoring)]
            await scoring.hear(in_order(events), batch=batch)
            assert await scores(scoring) == expected, order


async def test_an_identity_that_a_move_named_is_known_though_nothing_came_of_it_yet(
    admin_url: str,
) -> None:
    async with fresh_scoring(admin_url) as scoring:
        await scoring.hear([scoring.purchase(ANN, 60_000, day=0, identity=ANNS)])
        await scoring.hear([scoring.split(ANN, BOB, day=2, moves=moves(BOB, 1))])
        # said under the old number before the split, heard after it
        await scoring.hear([bobs(scoring, ANN, day=1)])
        assert [row[0] for row in await scores(scoring) if row[1] is not None] == [ANN, BOB]


async def test_who_is_left_without_facts_is_scored_by_none(admin_url: str) -> None:
    async with fresh_scoring(admin_url) as scoring:
        await scoring.hear([bobs(scoring, ANN, day=1)])
        await scoring.hear([scoring.split(ANN, BOB, day=2, moves=moves(BOB, 1))])
        ann, bob = await scores(scoring)
        assert (ann[0], bob[0]) == (ANN, BOB)
        assert sum(ann[2]) < sum(bob[2])
