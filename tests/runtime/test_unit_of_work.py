"""A unit that is done lets go of its batch."""

import gc
import weakref
from typing import cast

from sqlalchemy.ext.asyncio import AsyncConnection

from careline_runtime.unit_of_work import Unit


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
