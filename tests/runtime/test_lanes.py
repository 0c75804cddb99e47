"""Two units at a time: of different partitions, each whole, together what one would have done."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import NamedTuple

import pytest
from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from careline_contracts.events.profile import Activity
from careline_contracts.topics import ACTIVITIES
from careline_runtime import stages
from careline_runtime.batch import Heard, Hears
from careline_runtime.lanes import LANES, lanes
from careline_runtime.timers import Due
from careline_runtime.unit_of_work import Unit
from tests.runtime.by_hand import StageInTest, fresh_database
from tests.runtime.notebook import Notebook, activity, envelope, notes
from tests.waiting import until

MOST = 4
DUE_AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


class Item(NamedTuple):
    """Something at an offset of a partition."""

    partition: int
    offset: int


polls = st.lists(st.integers(0, 5), max_size=40).map(
    lambda partitions: [Item(partition, n) for n, partition in enumerate(partitions)]
)


@given(polls, st.integers(1, 12))
def test_every_item_is_in_one_unit_and_a_partition_in_one_lane_in_order(
    items: list[Item], most: int
) -> None:
    shared = lanes(items, most=most)
    assert len(shared) <= LANES
    assert all(1 <= len(unit) <= most for lane in shared for unit in lane)
    flat = [list(chain.from_iterable(lane)) for lane in shared]
    assert sorted(chain.from_iterable(flat)) == sorted(items)
    lane_of = {item.partition: n for n, lane in enumerate(flat) for item in lane}
    for n, lane in enumerate(flat):
        assert lane == [item for item in items if lane_of[item.partition] == n]


@pytest.mark.parametrize(
    ("sizes", "units"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([2, 2], [[4]], id="what fits into one unit is not divided"),
        pytest.param([3, 3], [[3], [3]], id="two partitions side by side"),
        pytest.param([6], [[3, 3]], id="one partition, one unit after the other"),
        pytest.param([1, 4, 2, 1], [[4], [4]], id="lanes are about as long"),
        pytest.param([7, 1], [[3, 4], [1]], id="as far as partitions allow"),
    ],
)
def test_how_a_poll_is_shared_out(sizes: list[int], units: list[list[int]]) -> None:
    items = [Item(partition, n) for partition, size in enumerate(sizes) for n in range(size)]
    assert [[len(unit) for unit in lane] for lane in lanes(items, most=MOST)] == units


class Crossroads(Notebook):
    """A notebook in which a unit can be made to wait for what happens in the other lane."""

    def __init__(self) -> None:
        super().__init__()
        self.units: list[list[str]] = []
        self.begun: dict[int, asyncio.Event] = {}
        self.waits_for: dict[int, asyncio.Event] = {}
        """By partition: a unit of it goes on only once this is set."""

    def has_begun(self, partition: int) -> asyncio.Event:
        """Set as soon as a unit of the partition is at work."""
        return self.begun.setdefault(partition, asyncio.Event())

    async def handle(self, unit: Unit, heard: Sequence[Heard]) -> None:
        self.units.append([item.envelope.id for item in heard])
        partition = heard[0].partition
        self.has_begun(partition).set()
        if partition in self.waits_for:
            await self.waits_for[partition].wait()
        await super().handle(unit, heard)


@pytest.fixture
def notebook() -> Crossroads:
    return Crossroads()


@pytest.fixture
async def stage(admin_url: str, notebook: Crossroads) -> AsyncIterator[StageInTest]:
    async with fresh_database(admin_url) as engine:
        notebook.most_events = MOST
        yield await notebook.open(engine)


def poll(stage: StageInTest, *partitions: str) -> list[ConsumerRecord]:
    """A poll that has, of each partition, an event by each letter."""
    return [
        stage.record(ACTIVITIES.name, envelope(id), activity(), partition=partition)
        for partition, ids in enumerate(partitions)
        for id in ids
    ]


async def at_once(stage: StageInTest, records: Sequence[ConsumerRecord]) -> None:
    async with asyncio.timeout(30):
        await stage.stage.settle(records)


async def until_noted(stage: StageInTest, ids: str) -> None:
    async def are_noted() -> bool:
        return await notes(stage) == list(ids)

    await until(are_noted)


@pytest.mark.stack
async def test_two_partitions_are_at_work_at_the_same_time(
    stage: StageInTest, notebook: Crossroads
) -> None:
    notebook.waits_for = {0: notebook.has_begun(1), 1: notebook.has_begun(0)}
    await at_once(stage, poll(stage, "abc", "xyz"))
    assert sorted(notebook.units) == [list("abc"), list("xyz")]
    found = await notes(stage)
    assert [n for n in found if n in "abc"] == list("abc")
    assert [n for n in found if n in "xyz"] == list("xyz")
    assert sorted(s.envelope.id for s in await stage.said()) == [f"said-{n}" for n in "abcxyz"]


@pytest.mark.stack
async def test_a_poll_of_one_units_worth_is_one_unit(
    stage: StageInTest, notebook: Crossroads
) -> None:
    await at_once(stage, poll(stage, "ab", "xy"))
    assert notebook.units == [list("abxy")]


@pytest.mark.stack
async def test_one_partition_has_one_unit_after_the_other(
    stage: StageInTest, notebook: Crossroads
) -> None:
    await at_once(stage, poll(stage, "abcdefgh"))
    assert notebook.units == [list("abcd"), list("efgh")]
    assert await notes(stage) == list("abcdefgh")


@pytest.mark.stack
@pytest.mark.parametrize("bad", ["b", "y"])
async def test_what_fails_in_one_lane_holds_back_nothing_and_is_put_aside_alone(
    stage: StageInTest, notebook: Crossroads, bad: str
) -> None:
    notebook.bad[bad] = RuntimeError("a bug")
    await at_once(stage, poll(stage, "abc", "xyz"))
    rest = "abcxyz".replace(bad, "")
    found = await notes(stage)
    assert sorted(found) == list(rest)
    assert [n for n in found if n in "abc"] == [n for n in rest if n in "abc"]
    assert [n for n in found if n in "xyz"] == [n for n in rest if n in "xyz"]
    assert sorted(s.envelope.id for s in await stage.said()) == [f"said-{n}" for n in rest]


@pytest.mark.stack
async def test_a_crash_between_the_commits_of_two_lanes_leaves_nothing_out_and_repeats_nothing(
    stage: StageInTest, notebook: Crossroads
) -> None:
    notebook.waits_for[1] = asyncio.Event()
    records = poll(stage, "abc", "xyz")
    settling = asyncio.create_task(stage.stage.settle(records))
    await until_noted(stage, "abc")
    await notebook.has_begun(1).wait()
    settling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await settling

    del notebook.waits_for[1]
    await at_once(stage, records)

    assert await notes(stage) == list("abcxyz")
    assert [s.envelope.id for s in await stage.said()] == [f"said-{n}" for n in "abcxyz"]


@pytest.mark.stack
async def test_a_request_waits_until_both_lanes_are_over(
    stage: StageInTest, notebook: Crossroads
) -> None:
    notebook.waits_for[1] = asyncio.Event()
    settling = asyncio.create_task(stage.stage.settle(poll(stage, "abc", "xyz")))
    await until_noted(stage, "abc")

    async def ask() -> list[str]:
        async with stage.stage.unit():
            return await notes(stage)

    asking = asyncio.create_task(ask())
    done, _ = await asyncio.wait([asking], timeout=0.1)
    assert not done
    notebook.waits_for[1].set()
    assert sorted(await asyncio.wait_for(asking, timeout=30)) == list("abcxyz")
    await settling


@pytest.mark.stack
async def test_lanes_that_deadlock_are_tried_again_until_both_are_done(admin_url: str) -> None:
    has_first = {partition: asyncio.Event() for partition in range(LANES)}

    async def handle(unit: Unit, heard: Sequence[Heard]) -> None:
        mine = heard[0].partition
        for counter in (mine, 1 - mine):
            await unit.connection.execute(
                text("UPDATE counters SET heard = heard + :more WHERE counter = :counter"),
                {"counter": counter, "more": len(heard)},
            )
            has_first[mine].set()
            await has_first[1 - mine].wait()

    async with fresh_database(admin_url) as engine:
        async with engine.begin() as connection:
            await connection.execute(text("CREATE TABLE counters (counter int, heard int)"))
            await connection.execute(text("INSERT INTO counters VALUES (0, 0), (1, 0)"))
        stage = StageInTest(
            engine,
            service="scoring",
            hears=[Hears(ACTIVITIES, otherwise=Activity)],
            handle=handle,
            most_events=MOST,
        )
        await at_once(stage, poll(stage, "abc", "xyz"))
        async with engine.connect() as connection:
            counters = await connection.execute(text("SELECT heard FROM counters"))
            assert counters.scalars().all() == [6, 6]


@pytest.mark.stack
@pytest.mark.parametrize("timer_lanes", [1, LANES])
async def test_timers_fire_side_by_side_where_they_commute_and_a_unit_was_full(
    admin_url: str, monkeypatch: pytest.MonkeyPatch, timer_lanes: int
) -> None:
    monkeypatch.setattr(stages, "DUE_A_UNIT", 2)
    at_work = 0
    most_at_work: list[int] = []
    fired: list[str] = []
    all_lanes_are_at_work = asyncio.Event()

    async def fire(unit: Unit, due: Sequence[Due]) -> None:
        nonlocal at_work
        at_work += 1
        if at_work == timer_lanes:
            all_lanes_are_at_work.set()
        if fired:
            await asyncio.wait_for(all_lanes_are_at_work.wait(), 30)
        else:  # the first has time to be joined, if anybody would
            await unit.connection.execute(text("SELECT pg_sleep(0.1)"))
        most_at_work.append(at_work)
        at_work -= 1
        fired.extend(timer.key for timer in due)

    async with fresh_database(admin_url) as engine:
        stage = StageInTest(
            engine, service="test", hears=(), handle=nothing, fire=fire, timer_lanes=timer_lanes
        )
        async with stage.stage.unit() as unit:
            for n in range(7):
                unit.set_timer("care", f"customer-{n}", DUE_AT)
        await stage.tick(DUE_AT)

    assert sorted(fired) == [f"customer-{n}" for n in range(7)], "each once"
    assert most_at_work[0] == 1, "nobody knew yet that so much was due"
    assert max(most_at_work) == timer_lanes


async def nothing(unit: Unit, heard: Sequence[Heard]) -> None:
    """Hears nothing."""
