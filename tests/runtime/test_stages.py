"""A unit of work happens whole and once, whatever is in the batch."""

import asyncio
import traceback
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
import structlog
from aiokafka import ConsumerRecord
from sqlalchemy import text

from careline_contracts.envelope import Envelope, begin_trace, to_headers
from careline_contracts.events.profile import Activity, CustomersMerged
from careline_contracts.topics import ACTIVITIES, CATALOGUE, CUSTOMERS, TIER_CHANGES
from careline_localstack import LocalStack
from careline_runtime import inbox, metrics
from careline_runtime.batch import Heard, Hears, Poison, read
from careline_runtime.errors import InvalidMessage, TryLater
from careline_runtime.testing import StageInTest, fresh_database
from careline_runtime.timers import Due
from careline_runtime.unit_of_work import Unit

pytestmark = pytest.mark.stack

NOON = datetime(2026, 3, 1, 4, tzinfo=UTC)


class Notebook:
    """A handler that writes down what it hears, and can be told to fail."""

    def __init__(self) -> None:
        self.bad: dict[str, Exception] = {}
        self.failures_left: dict[str, int] = {}
        self.refused: set[str] = set()

    async def handle(self, unit: Unit, heard: Sequence[Heard]) -> None:
        for event in heard:
            id = event.envelope.id
            if id in self.refused:
                unit.refuse(event.record, "missing_identity", "every identity is blocked")
                continue
            left = self.failures_left.get(id)
            if id in self.bad and (left is None or left > 0):
                if left is not None:
                    self.failures_left[id] = left - 1
                raise self.bad[id]
            await unit.connection.execute(
                text("INSERT INTO notes (event) VALUES (:event)"), {"event": id}
            )
            unit.say(
                TIER_CHANGES,
                event.payload,
                key="C1",
                id=f"said-{id}",
                recorded_at=event.envelope.recorded_at,
                cause=event.envelope,
            )
            unit.set_timer("remind", id, NOON + timedelta(days=1))

    async def fire(self, unit: Unit, due: Sequence[Due]) -> None:
        for timer in due:
            if timer.key in self.bad:
                raise self.bad[timer.key]
            await unit.connection.execute(
                text("INSERT INTO notes (event) VALUES (:event)"), {"event": f"due-{timer.key}"}
            )


@pytest.fixture
def notebook() -> Notebook:
    return Notebook()


@pytest.fixture
async def stage(admin_url: str, notebook: Notebook) -> AsyncIterator[StageInTest]:
    async with fresh_database(admin_url) as engine:
        async with engine.begin() as connection:
            await connection.execute(text("CREATE TABLE notes (n serial, event text)"))
        yield StageInTest(
            engine,
            service="scoring",
            hears=[Hears(ACTIVITIES, {CustomersMerged.type: CustomersMerged}, otherwise=Activity)],
            handle=notebook.handle,
            fire=notebook.fire,
        )


def envelope(id: str) -> Envelope:
    return Envelope(
        id, "/test", "careline.store.visited.v1", NOON, NOON, "C1", traceparent="00-aa-bb-01"
    )


def activity() -> Activity:
    return Activity(customer="C1", identity="member_card:1", channel="store", body={})


def records(stage: StageInTest, *ids: str) -> list[ConsumerRecord]:
    return [stage.record(ACTIVITIES.name, envelope(id), activity()) for id in ids]


async def notes(stage: StageInTest) -> list[str]:
    async with stage.engine.connect() as connection:
        return list(
            (await connection.execute(text("SELECT event FROM notes ORDER BY n"))).scalars()
        )


async def dead_letters(stage: StageInTest) -> list[dict[str, str]]:
    return [
        {name: value.decode(errors="replace") for name, value in record.headers}
        for record in await stage.records()
        if record.topic.endswith("dead-letters.v1")
    ]


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


@pytest.mark.parametrize(
    ("headers", "value", "reason", "words"),
    [
        pytest.param([], b"{}", "invalid_envelope", "ce_type", id="no headers"),
        pytest.param(
            [("ce_type", b"careline.store.visited.v1")],
            b"{}",
            "invalid_envelope",
            "specversion",
            id="attributes missing",
        ),
        pytest.param(
            [("ce_type", b"careline.store.visited.v1"), ("ce_id", b"\xff\xfe")],
            b"{}",
            "invalid_envelope",
            "UTF-8",
            id="a header that is not text",
        ),
        pytest.param(
            [
                ("ce_specversion", b"1.0"),
                ("ce_id", b"x"),
                ("ce_source", b"/t"),
                ("ce_type", b"careline.store.visited.v1"),
                ("ce_time", b"2026-03-01T00:00:00Z"),
            ],
            b"\xffnot json",
            "invalid_data",
            "JSON",
            id="value that is not JSON",
        ),
        pytest.param(
            [("content-type", b"application/cloudevents+json")],
            b"[]",
            "invalid_envelope",
            "object",
            id="structured mode, not an object",
        ),
    ],
)
async def test_poison_is_kept_whole_and_the_rest_flows(
    stage: StageInTest,
    headers: list[tuple[str, bytes]],
    value: bytes,
    reason: str,
    words: str,
) -> None:
    first, last = records(stage, "a", "b")
    poison = stage.raw(ACTIVITIES.name, headers=headers, value=value)
    await stage.hear([first, last, poison])
    assert await notes(stage) == ["a", "b"]
    [letter] = await dead_letters(stage)
    assert letter["dlq_reason"] == reason
    assert words in letter["dlq_detail"]
    assert (letter["dlq_topic"], letter["dlq_offset"]) == (ACTIVITIES.name, str(poison.offset))
    kept = next(r for r in await stage.records() if r.topic.endswith("dead-letters.v1"))
    assert kept.value == value
    assert list(kept.headers)[: len(headers)] == headers


async def test_an_event_that_breaks_the_handler_stands_alone_in_the_dead_letters(
    stage: StageInTest, notebook: Notebook
) -> None:
    notebook.bad["d"] = RuntimeError("phone 13912345678 broke it")
    await stage.hear(records(stage, *"abcdefg"))
    assert await notes(stage) == list("abcefg")
    [letter] = await dead_letters(stage)
    assert letter["ce_id"] == "d"
    assert letter["dlq_reason"] == "handler_failed"
    assert "139" not in letter["dlq_detail"], "a bug's text may quote personal data"


async def test_an_invalid_message_is_put_aside_with_the_handlers_reason(
    stage: StageInTest, notebook: Notebook
) -> None:
    notebook.bad["b"] = InvalidMessage("no_identity", "only blocked identities")
    await stage.hear(records(stage, "a", "b"))
    [letter] = await dead_letters(stage)
    assert (letter["dlq_reason"], letter["dlq_detail"]) == (
        "no_identity",
        "only blocked identities",
    )


async def test_a_refused_event_can_be_replayed_and_is_then_handled_once(
    stage: StageInTest, notebook: Notebook
) -> None:
    notebook.refused.add("b")
    await stage.hear(records(stage, "a", "b", "c"))
    assert await notes(stage) == ["a", "c"]
    assert [letter["ce_id"] for letter in await dead_letters(stage)] == ["b"]
    notebook.refused.clear()
    await stage.hear(records(stage, "b"))
    await stage.hear(records(stage, "b", "a"))
    assert await notes(stage) == ["a", "c", "b"]


async def test_a_broken_copy_of_a_handled_event_does_not_let_it_be_handled_again(
    stage: StageInTest,
) -> None:
    [good] = records(stage, "a")
    broken = stage.raw(ACTIVITIES.name, headers=good.headers, value=b"not json")
    await stage.hear([good, broken, *records(stage, "a")])
    await stage.hear(records(stage, "a"))
    assert await notes(stage) == ["a"]
    assert [letter["dlq_reason"] for letter in await dead_letters(stage)] == ["invalid_data"]


async def test_an_event_that_was_given_up_can_be_replayed_once_the_bug_is_mended(
    stage: StageInTest, notebook: Notebook
) -> None:
    notebook.bad["b"] = RuntimeError("a bug")
    await stage.hear(records(stage, "a", "b"))
    del notebook.bad["b"]
    await stage.hear(records(stage, "b", "b"))
    assert await notes(stage) == ["a", "b"]


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


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("INSERT INTO notes VALUES (CAST(:n AS int), :value)", id="parameters"),
        pytest.param("INSERT INTO promises VALUES (:value), (:value)", id="detail of a constraint"),
        pytest.param("SELECT CAST(CAST(:value AS text) AS int)", id="text of the server"),
        pytest.param("SELECT CAST(:value AS int)", id="text of the driver"),
        pytest.param("SELECT nothing FROM notes WHERE event = :value", id="a statement of ours"),
    ],
)
async def test_a_failing_statement_leaves_no_value_in_the_log(
    stage: StageInTest, statement: str
) -> None:
    async with stage.engine.begin() as connection:
        await connection.execute(text("CREATE TABLE promises (of text PRIMARY KEY)"))
    parameters = {"value": "canary", **({"n": 2**31} if ":n" in statement else {})}

    async def fails(unit: Unit, heard: Sequence[Heard]) -> None:
        await unit.connection.execute(text(statement), parameters)

    broken = StageInTest(
        stage.engine,
        service="scoring",
        hears=[Hears(ACTIVITIES, otherwise=Activity)],
        handle=fails,
    )
    with structlog.testing.capture_logs() as logs:
        await broken.hear(records(broken, "a"))
    written = "".join(
        [str(entry) for entry in logs]
        + ["".join(traceback.format_exception(e["exc_info"])) for e in logs if "exc_info" in e]
    )
    assert "unit.failed" in written
    assert statement.split()[0] in written, "what failed is said"
    assert "canary" not in written


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


async def test_dead_letters_in_a_row_stop_the_service_and_a_good_event_ends_the_row(
    admin_url: str, notebook: Notebook
) -> None:
    async with fresh_database(admin_url) as engine:
        async with engine.begin() as connection:
            await connection.execute(text("CREATE TABLE notes (n serial, event text)"))
        stage = StageInTest(
            engine,
            service="scoring",
            hears=[Hears(ACTIVITIES, otherwise=Activity)],
            handle=notebook.handle,
            dead_letters_in_a_row=2,
        )

        def poison() -> ConsumerRecord:
            return stage.raw(ACTIVITIES.name, headers=[], value=b"{}")

        await stage.hear([poison(), poison()])
        await stage.hear(records(stage, "a"))
        await stage.hear([poison(), poison()])
        assert stage.failures == []
        await stage.hear([poison()])
        assert len(stage.failures) == 1
        assert "3 dead letters in a row" in stage.failures[0]


async def test_a_timer_that_breaks_the_handler_is_put_off_and_the_others_fire(
    stage: StageInTest, notebook: Notebook
) -> None:
    await stage.hear(records(stage, "a", "b", "c"))
    notebook.bad["b"] = RuntimeError("a bug")
    due = NOON + timedelta(days=1)
    await stage.tick(due)
    assert await notes(stage) == ["a", "b", "c", "due-a", "due-c"]
    assert await stage.next_due() == due + timedelta(hours=1)
    del notebook.bad["b"]
    await stage.tick(due + timedelta(hours=1))
    assert (await notes(stage))[-1] == "due-b"


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
