"""A service that writes down what it hears, and can be told to fail: what tests of stages use."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from aiokafka import ConsumerRecord
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from careline_contracts.envelope import Envelope
from careline_contracts.events.profile import Activity, CustomersMerged
from careline_contracts.topics import ACTIVITIES, TIER_CHANGES
from careline_runtime.batch import Heard, Hears
from careline_runtime.timers import Due
from careline_runtime.unit_of_work import Unit
from tests.runtime.by_hand import StageInTest

NOON = datetime(2026, 3, 1, 4, tzinfo=UTC)


class Notebook:
    """A handler that writes down what it hears, and can be told to fail."""

    def __init__(self) -> None:
        self.most_events = 1_000
        self.dead_letters_in_a_row = 1_000
        self.bad: dict[str, Exception] = {}
        self.failures_left: dict[str, int] = {}
        self.refused: set[str] = set()

    async def open(self, engine: AsyncEngine) -> StageInTest:
        """A stage that writes into it, on this database."""
        async with engine.begin() as connection:
            await connection.execute(text("CREATE TABLE notes (n serial, event text)"))
        return StageInTest(
            engine,
            service="scoring",
            hears=[Hears(ACTIVITIES, {CustomersMerged.type: CustomersMerged}, otherwise=Activity)],
            handle=self.handle,
            fire=self.fire,
            most_events=self.most_events,
            dead_letters_in_a_row=self.dead_letters_in_a_row,
        )

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
