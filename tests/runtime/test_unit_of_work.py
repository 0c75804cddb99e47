"""A unit brings timers forward, never back; one that is done lets go of its batch."""

import gc
import weakref
from datetime import timedelta
from typing import cast

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_runtime import timers
from careline_runtime.unit_of_work import Unit
from tests.runtime.by_hand import fresh_database
from tests.runtime.echo import NOON


def a_committed_unit() -> "weakref.ref[Unit]":
    counted: list[int] = []
    unit = Unit(cast(AsyncConnection, None), service="scoring")
    unit.after_commit(lambda: counted.append(len(unit.said)))
    unit.committed()
    assert counted == [0]
    return weakref.ref(unit)


def test_a_committed_unit_needs_no_garbage_collector() -> None:
    gc.disable()
    try:
        assert a_committed_unit()() is None
    finally:
        gc.enable()


@pytest.mark.stack
async def test_who_is_woken_fires_at_the_earliest_of_all_instants(admin_url: str) -> None:
    async with fresh_database(admin_url) as engine, engine.begin() as connection:
        for instants in ([NOON], [NOON + timedelta(hours=1)], [NOON, NOON - timedelta(hours=1)]):
            unit = Unit(connection, service="scoring")
            for at in instants:
                unit.wake("look", "A", at)
            assert unit.earliest_timer == min(instants)
            await unit.save()
        assert await timers.next_due(connection) == NOON - timedelta(hours=1)


async def test_who_is_erased_is_woken_no_more() -> None:
    unit = Unit(cast(AsyncConnection, None), service="scoring")
    unit.wake("look", "A", NOON)
    unit.drop_timers(["A"])
    assert unit.earliest_timer is None
