"""What can't be handled stands alone in the dead letters, with its reason; the rest flows."""

import traceback
from collections.abc import Sequence
from datetime import timedelta

import pytest
import structlog
from aiokafka import ConsumerRecord
from sqlalchemy import text

from careline_contracts.events.profile import Activity
from careline_contracts.topics import ACTIVITIES
from careline_runtime.batch import Heard, Hears
from careline_runtime.errors import InvalidMessage
from careline_runtime.unit_of_work import Unit
from tests.runtime.by_hand import StageInTest, fresh_database
from tests.runtime.notebook import NOON, Notebook, dead_letters, notes, records

pytestmark = pytest.mark.stack


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


async def test_dead_letters_in_a_row_stop_the_service_and_a_good_event_ends_the_row(
    admin_url: str, notebook: Notebook
) -> None:
    notebook.dead_letters_in_a_row = 2
    async with fresh_database(admin_url) as engine:
        stage = await notebook.open(engine)

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
