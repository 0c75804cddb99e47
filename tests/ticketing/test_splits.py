"""What was merged by mistake and split again has the tickets that it would have had alone."""

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import text

from careline_contracts.events.profile import Move
from careline_contracts.events.ticketing import TicketMerged, TicketMoved
from tests.ticketing.by_hand import (
    Event,
    Stage,
    answer,
    at,
    complaint,
    fresh_stage,
    merge,
    resolution,
    split,
)

pytestmark = pytest.mark.stack

ANN, BOB = {"customer": "C1", "identity": "phone:1"}, {"customer": "C2", "identity": "phone:2"}
BOB_AS_ANN = {"customer": "C1", "identity": "phone:2"}


def moves(customer: str, count: int) -> list[Move]:
    """Bob's identity and number lead there; that is their move number `count`."""
    return [Move(name=name, customer=customer, move=count) for name in ("phone:2", "C2")]


def before() -> list[Event]:
    """Both complain about the same kind of thing: together it would be one ticket."""
    return [
        complaint(at(), reference="a1", **ANN),
        complaint(at(minutes=10), reference="b1", **BOB),
    ]


def middle(bob: dict[str, str]) -> list[Event]:
    return [
        answer(at(minutes=40), "b1", id="m1", **bob),
        complaint(at(minutes=50), reference="b2", id="m2", **bob),
    ]


def after() -> list[Event]:
    """Later traffic of both."""
    return [
        resolution(at(minutes=120), "a1", **ANN),
        answer(at(minutes=121), "b2", **BOB),
    ]


async def kept(stage: Stage) -> list[tuple[Any, ...]]:
    """All tickets, apart from how often they were said."""
    query = text("""
        SELECT id, customer, status, level, opened_at, breaches, said -> 'ticket',
            said -> 'breached', said -> 'merged_into' FROM tickets ORDER BY id
    """)
    async with stage.engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(query)]


async def outcome(admin_url: str, events: Sequence[Event]) -> list[tuple[Any, ...]]:
    async with fresh_stage(admin_url) as stage:
        await stage.play(events)
        return await kept(stage)


async def test_nobody_can_tell_that_two_were_merged_and_split(admin_url: str) -> None:
    expected = await outcome(admin_url, [*before(), *middle(BOB), *after()])
    told = [
        merge("C1", "C2", at=at(minutes=30), moves=moves("C1", 1)),
        *middle(BOB_AS_ANN),
        split("C1", "C2", at=at(minutes=90), moves=moves("C2", 2)),
    ]
    assert await outcome(admin_url, [*before(), *told, *after()]) == expected


async def test_a_merge_and_its_split_end_alike_in_whatever_order_they_are_heard(
    admin_url: str,
) -> None:
    """They are said under several numbers, and so lie on several partitions."""
    expected = await outcome(admin_url, [*before(), *middle(BOB), *after()])
    told = [
        [merge("C1", "C2", at=at(minutes=30), moves=moves("C1", 1))],
        middle(BOB_AS_ANN),
        [split("C1", "C2", at=at(minutes=90), moves=moves("C2", 2))],
    ]
    for order in permutations(told):
        events = [*before(), *(event for part in order for event in part), *after()]
        assert await outcome(admin_url, events) == expected


async def test_a_ticket_that_the_merge_had_joined_comes_back_under_its_own_customer(
    admin_url: str,
) -> None:
    async with fresh_stage(admin_url) as stage:
        await stage.play(before())
        await stage.play([merge("C1", "C2", at=at(minutes=30), moves=moves("C1", 1))])
        assert any(isinstance(change, TicketMerged) for change in await stage.changes())
        await stage.play([split("C1", "C2", at=at(minutes=90), moves=moves("C2", 2))])
        customers = {row[1]: row[8] for row in await kept(stage)}
        assert customers == {"C1": None, "C2": None}
        moved = [change for change in await stage.changes() if isinstance(change, TicketMoved)]
        assert [change.customer for change in moved] == ["C1", "C2"]
        versions: dict[str, list[int]] = {}
        for change in await stage.changes():
            versions.setdefault(change.ticket, []).append(change.version)
        for seen in versions.values():
            assert seen == list(range(1, len(seen) + 1))
