"""An erased customer is forgotten in the place of the event, and nothing of them comes back."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka import ConsumerRecord
from sqlalchemy import text

from careline_contracts.envelope import Envelope
from careline_contracts.events.profile import Activity, CustomerErased, ErasureAnswered
from careline_contracts.topics import ACTIVITIES, SCORES
from careline_runtime.batch import Heard, Hears
from careline_runtime.erasure import Traces, forgetting, forgetting_timers
from careline_runtime.timers import Due
from careline_runtime.unit_of_work import Unit
from tests.runtime.by_hand import StageInTest, fresh_database

pytestmark = pytest.mark.stack

NOON = datetime(2026, 3, 1, 4, tzinfo=UTC)
TRACES = Traces(
    rows={"notes": ("customer", "identity")},
    states={SCORES: "SELECT DISTINCT customer FROM notes WHERE customer = ANY(:names)"},
)


async def write_down(unit: Unit, heard: Sequence[Heard]) -> None:
    for item in heard:
        assert isinstance(item.payload, Activity)
        row = {"customer": item.payload.customer, "identity": item.payload.identity}
        await unit.connection.execute(text("INSERT INTO notes VALUES (:customer, :identity)"), row)
        unit.set_timer("remind", item.payload.customer, NOON + timedelta(days=1))


async def remind(unit: Unit, due: Sequence[Due]) -> None:
    for timer in due:
        await unit.connection.execute(
            text("INSERT INTO notes VALUES (:key, 'reminded')"), {"key": timer.key}
        )


@pytest.fixture
async def stage(admin_url: str) -> AsyncIterator[StageInTest]:
    async with fresh_database(admin_url) as engine:
        async with engine.begin() as connection:
            await connection.execute(text("CREATE TABLE notes (customer text, identity text)"))
        yield StageInTest(
            engine,
            service="scoring",
            hears=[Hears(ACTIVITIES, {CustomerErased.type: CustomerErased}, otherwise=Activity)],
            handle=forgetting(write_down, TRACES, service="scoring"),
            fire=forgetting_timers(remind),
        )


def activity(stage: StageInTest, id: str, customer: str, identity: str) -> ConsumerRecord:
    envelope = Envelope(id, "/test", "careline.store.visited.v1", NOON, NOON, customer)
    payload = Activity(customer=customer, identity=identity, channel="store", body={})
    return stage.record(ACTIVITIES.name, envelope, payload)


def erasure(stage: StageInTest) -> ConsumerRecord:
    erased = CustomerErased(
        customer="C1",
        version=3,
        numbers=("C1", "C2"),
        identities=("phone:1", "email:2"),
        erased_at=NOON,
    )
    envelope = Envelope("erased", "/careline/profile", erased.type, NOON, NOON, "C1")
    return stage.record(ACTIVITIES.name, envelope, erased)


async def notes(stage: StageInTest) -> list[tuple[str, str]]:
    async with stage.engine.connect() as connection:
        rows = await connection.execute(text("SELECT * FROM notes ORDER BY customer, identity"))
        return [(customer, identity) for customer, identity in rows]


@pytest.mark.parametrize("batch", [1, 2, 100])
async def test_what_is_of_an_erased_customer_is_gone_before_and_after(
    stage: StageInTest, batch: int
) -> None:
    await stage.hear(
        [
            activity(stage, "a", "C1", "phone:1"),
            activity(stage, "b", "C3", "phone:3"),
            erasure(stage),
            activity(stage, "c", "C1", "phone:1"),
            activity(stage, "of an absorbed number", "C2", "email:9"),
            activity(stage, "of an identity, by another number", "C9", "email:2"),
            activity(stage, "d", "C3", "phone:3"),
        ],
        batch=batch,
    )
    await stage.tick(NOON + timedelta(days=2))

    assert await notes(stage) == [("C3", "phone:3"), ("C3", "phone:3"), ("C3", "reminded")]


async def test_the_topic_forgets_and_the_answer_says_how_much_was_deleted(
    stage: StageInTest,
) -> None:
    await stage.hear([activity(stage, "a", "C1", "phone:1")])
    await stage.hear([erasure(stage)])

    assert [(r.topic, r.key) for r in await stage.records() if r.value is None] == [
        (SCORES.name, "C1")
    ]
    [said] = await stage.said()
    assert ErasureAnswered.parse(said.value) == ErasureAnswered(
        customer="C1",
        service="scoring",
        erased_at=NOON,
        deleted={"notes": 1, "timers": 1},
        tombstones={SCORES.name: 1},
    )


async def test_an_erasure_of_nobody_leaves_the_names_behind_all_the_same(
    stage: StageInTest,
) -> None:
    await stage.hear([erasure(stage)])
    await stage.hear([activity(stage, "a", "C2", "phone:1")])

    assert await notes(stage) == []
