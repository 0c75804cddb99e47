"""A unit of work happens whole and once, whatever is in the batch."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from careline_contracts.envelope import begin_trace, to_headers
from careline_contracts.events.profile import Activity
from careline_contracts.topics import ACTIVITIES, CATALOGUE, CUSTOMERS, TIER_CHANGES
from careline_localstack import LocalStack
from careline_runtime import inbox, metrics
from careline_runtime.batch import Heard, Hears, Poison, read
from careline_runtime.errors import TryLater
from tests.runtime.by_hand import StageInTest
from tests.runtime.notebook import (
    NOON,
    Notebook,
    activity,
    dead_letters,
    envelope,
    notes,
    records,
)

pytestmark = pytest.mark.stack


async def test_a_redelivered_batch_has_no_second_effect(stage: StageInTest) -> None:
    batch = records(stage, "a", "b", "c")
    await stage.hear(batch[:2])
    await stage.hear(batch)
    assert await notes(stage) == ["a", "b", "c"]
    assert [s.envelope.id for s in await stage.said()] == ["said-a", "said-b", "said-c"]


async def test_the_same_event_at_another_offset_has_no_second_effect(stage: StageInTest) -> None:
    await stage.hear(records(stage, "a", "b", "a"))
    await stage.hear(records(stage, "b", "c"))
    assert await notes(stage) == ["a", "b", "c"]


async def test_what_is_said_because_of_an_event_without_a_trace_begins_one(
    stage: StageInTest,
) -> None:
    untraced = envelope("a")._replace(traceparent="")
    await stage.hear([stage.record(ACTIVITIES.name, untraced, activity())])
    [said] = await stage.said()
    assert said.envelope.traceparent == begin_trace("/careline/scoring", "said-a")


async def test_what_is_said_carries_cause_and_trace(stage: StageInTest) -> None:
    await stage.hear(records(stage, "a"))
    [said] = await stage.said()
    assert said.envelope.source == "/careline/scoring"
    assert said.envelope.causation_id == "a"
    assert said.envelope.traceparent == "00-aa-bb-01"
    assert said.envelope.key == said.key == "C1"


async def test_the_inbox_forgets_what_no_topic_can_give_again_and_nothing_else(
    stage: StageInTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "ROWS_A_FORGETTING", 2)
    await stage.hear(records(stage, *"abc"))
    async with stage.engine.begin() as connection:
        await connection.execute(
            text("UPDATE inbox SET recorded_at = now() - CAST(:kept AS interval)"),
            {"kept": inbox.KEPT},
        )
    await stage.hear(records(stage, *"de"))
    forgotten = [await stage.stage.forget_old() for _ in range(3)]
    assert forgotten == [2, 1, 0]
    async with stage.engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM inbox"))).scalar_one() == 2
    await stage.hear(records(stage, *"de"))
    assert await notes(stage) == list("abcde")


async def test_the_inbox_remembers_for_longer_than_any_topic_it_hears() -> None:
    assert all(timedelta(days=t.retention_days) < inbox.KEPT for t in CATALOGUE)


async def test_a_unit_that_can_succeed_later_is_tried_until_it_does(
    stage: StageInTest, notebook: Notebook
) -> None:
    notebook.bad["b"], notebook.failures_left["b"] = TryLater("busy"), 3
    await stage.hear(records(stage, "a", "b", "c"))
    assert await notes(stage) == ["a", "b", "c"]
    assert await dead_letters(stage) == []


async def test_a_unit_waits_while_the_database_is_away_and_then_goes_on(
    stack: LocalStack, stage: StageInTest
) -> None:
    await stage.hear(records(stage, "a"))
    waits = metrics.total(metrics.infrastructure_waits)
    await asyncio.to_thread(stack.postgres.kill)
    try:
        hearing = asyncio.create_task(stage.hear(records(stage, "b", "c")))
        async with asyncio.timeout(30):
            while metrics.total(metrics.infrastructure_waits) < waits + 3:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert not hearing.done()
    finally:
        await asyncio.to_thread(stack.postgres.start)
    await asyncio.wait_for(hearing, timeout=30)
    assert await notes(stage) == ["a", "b", "c"]
    assert await dead_letters(stage) == []


async def test_a_failed_unit_leaves_nothing_behind(stage: StageInTest, notebook: Notebook) -> None:
    notebook.bad["b"], notebook.failures_left["b"] = RuntimeError("once"), 1
    await stage.hear(records(stage, "a", "b"))
    assert await notes(stage) == ["a", "b"]
    assert [s.envelope.id for s in await stage.said()] == ["said-a", "said-b"]


async def test_a_timer_fires_once_and_not_early(stage: StageInTest) -> None:
    await stage.hear(records(stage, "b", "a"))
    await stage.tick(NOON + timedelta(days=1, seconds=-1))
    assert await notes(stage) == ["b", "a"]
    await stage.tick(NOON + timedelta(days=1))
    await stage.tick(NOON + timedelta(days=2))
    assert await notes(stage) == ["b", "a", "due-a", "due-b"]
    assert await stage.next_due() is None


async def test_no_unit_is_spent_to_find_that_no_timer_is_left(stage: StageInTest) -> None:
    await stage.hear(records(stage, "b", "a"))
    assert not await stage.stage.fire_due(NOON + timedelta(days=1)), "it fired all, and knows"
    assert (await notes(stage))[2:] == ["due-a", "due-b"]


async def test_a_tombstone_of_a_state_topic_is_no_event(stage: StageInTest) -> None:
    hears = {CUSTOMERS.name: Hears(CUSTOMERS, otherwise=Activity)}

    assert read([stage.raw(CUSTOMERS.name, headers=[], value=None)], hears) == []
    [poison] = read(
        [*records(stage, "a"), stage.raw(ACTIVITIES.name, headers=[], value=None)],
        {ACTIVITIES.name: Hears(ACTIVITIES)},
    )
    assert isinstance(poison, Poison)


async def test_a_subject_that_tells_the_service_nothing_is_skipped_by_its_header(
    stage: StageInTest,
) -> None:
    hears = {ACTIVITIES.name: Hears(ACTIVITIES, otherwise=Activity, skips="weather")}
    told = [envelope(id)._replace(subject=subject) for id, subject in (("a", "weather"), ("b", ""))]
    unreadable = stage.raw(ACTIVITIES.name, headers=to_headers(told[0]), value=b"never looked at")

    found = read([unreadable, stage.record(ACTIVITIES.name, told[1], activity())], hears)

    assert [item.envelope.id for item in found if isinstance(item, Heard)] == ["b"]
    assert len(found) == 1


async def test_a_request_changes_all_or_nothing(stage: StageInTest) -> None:
    async def ask(id: str, *, fails: bool = False) -> None:
        async with stage.stage.unit() as unit:
            await unit.connection.execute(text("INSERT INTO notes VALUES (1, :id)"), {"id": id})
            unit.say(TIER_CHANGES, activity(), key="C1", id=id, recorded_at=NOON, type="t")
            if fails:
                raise LookupError

    with pytest.raises(LookupError):
        await ask("a", fails=True)
    await ask("b")

    assert await notes(stage) == ["b"]
    assert [s.envelope.id for s in await stage.said()] == ["b"]
