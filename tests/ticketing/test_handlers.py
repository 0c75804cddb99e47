"""The real handlers on a real database say what the rules say, whatever comes how."""

import asyncio
import random
from collections.abc import Iterator
from datetime import datetime

import pytest
from sqlalchemy import MetaData, Table

from careline_calendar.working import MOMENT
from careline_contracts.envelope import Record, to_headers
from careline_contracts.events.ticketing import TicketBreached, TicketChange
from careline_contracts.topics import ACTIVITIES, TICKET_CHANGES, TICKETS
from careline_runtime.batch import Heard
from careline_runtime.unit_of_work import Unit
from careline_ticketing import tables
from careline_ticketing.handlers import Handlers
from careline_ticketing.model import FOLLOW_UPS
from tests.ticketing.by_hand import (
    POLICY,
    DeskInMemory,
    Event,
    Stage,
    always,
    answer,
    at,
    complaint,
    enquiry,
    event,
    fault,
    fresh_stage,
    merge,
    reopening,
    resolution,
)
from tests.waiting import until_somebody_waits

pytestmark = pytest.mark.stack

FAR_AWAY = at(days=400)


def a_busy_fortnight(seed: int) -> list[Event]:
    """Problems of thirty customers, some of whom are one, in the order of recording."""
    dice = random.Random(seed)
    survivor = {"C7": "C3", "C9": "C3", "C12": "C11"}

    def events() -> Iterator[Event]:
        for number in range(30):
            customer = f"C{number}"
            for problem in range(dice.randint(0, 3)):
                start = at(minutes=dice.randint(0, 14 * 1440))
                reference = f"{customer}-{problem}"
                by = {"customer": customer, "channel": dice.choice(["phone", "app", "chat"])}
                report = dice.choice([complaint, fault, enquiry])
                yield report(start, reference=reference, **by)
                if dice.random() < 0.4:
                    yield report(start + (at(hours=3) - at()), **by)
                if dice.random() < 0.7:
                    yield answer(start + dice.random() * (at(hours=3) - at()), reference, **by)
                if dice.random() < 0.6:
                    end = start + dice.random() * (at(hours=80) - at())
                    yield resolution(end, reference, **by)
                    if dice.random() < 0.3:
                        yield reopening(end + (at(hours=5) - at()), reference, **by)
        for absorbed, into in survivor.items():
            yield merge(into, absorbed, at=at(minutes=dice.randint(0, 14 * 1440)))

    return sorted(events(), key=lambda e: (e.envelope.recorded_at, e.envelope.id))


async def everything(stage: Stage) -> list[Record]:
    return sorted(
        await stage.records(), key=lambda record: (record.topic, record.key, id_of(record))
    )


def id_of(record: Record) -> bytes:
    return dict(record.headers)["ce_id"]


async def next_alarm(stage: Stage) -> datetime | None:
    """The next instant at which time brings something to a ticket."""
    [(due_at,)] = await stage.rows("SELECT min(due_at) FROM timers WHERE kind = 'breach'")
    assert due_at is None or isinstance(due_at, datetime)
    return due_at


async def test_a_complaint_becomes_a_ticket(stage: Stage) -> None:
    await stage.play([complaint(at(), reference="r1")])

    opened, state = await stage.said()
    assert (opened.topic, opened.key) == (TICKET_CHANGES.name, "C1")
    assert opened.envelope.type == "careline.ticket.opened.v1"
    assert (state.topic, state.key) == (TICKETS.name, (await stage.changes())[0].ticket)
    assert opened.envelope.occurred_at == opened.envelope.recorded_at == at()
    assert await next_alarm(stage) == at(minutes=45) + MOMENT, "the warning"


async def test_a_breach_fires_exactly_when_due_and_once(stage: Stage) -> None:
    await stage.play([complaint(at())])

    await stage.tick(at(hours=1))
    assert [type(change).__name__ for change in await stage.changes()][1:] == ["TicketWarned"]
    await stage.tick(at(hours=1) + MOMENT)
    await stage.tick(at(hours=4))

    [breached] = [s for s in await stage.said() if s.envelope.type == TicketBreached.type]
    assert breached.envelope.occurred_at == breached.envelope.recorded_at == at(hours=1)
    assert breached.envelope.causation_id == ""
    assert await next_alarm(stage) == at(hours=5) + MOMENT, "the next step of the chain"


async def test_nothing_is_left_to_fire_for_what_is_resolved(stage: Stage) -> None:
    await stage.play([complaint(at(), reference="r1")])
    await stage.play([resolution(at(minutes=5), "r1")])

    assert await next_alarm(stage) is None


async def test_the_same_events_twice_and_shuffled_end_in_the_same_tickets(
    stage: Stage, admin_url: str
) -> None:
    events = a_busy_fortnight(seed=5)
    await stage.play(events)
    await stage.tick(FAR_AWAY)
    shuffled = [*events, *events]
    random.Random(5).shuffle(shuffled)

    async with fresh_stage(admin_url) as other:
        await other.play(shuffled, batch=17)
        await other.tick(FAR_AWAY)

        final = "SELECT {} FROM tickets WHERE status <> 'merged' ORDER BY id"
        columns = final.format("id, customer, status, level, opened_at, breaches")
        assert await stage.rows(columns) == await other.rows(columns)
        clocks = final.format("said -> 'ticket'")
        assert await stage.rows(clocks) == await other.rows(clocks)


@pytest.mark.parametrize("batch", [1, 7])
async def test_batch_boundaries_and_early_timers_do_not_show(
    stage: Stage, admin_url: str, batch: int
) -> None:
    events = a_busy_fortnight(seed=11)
    await stage.play(events)
    await stage.tick(FAR_AWAY)

    async with fresh_stage(admin_url) as other:
        for start in range(0, len(events), batch):
            await other.play(events[start : start + batch])
            following = events[start + batch : start + batch + 1]
            if following and start % 3 == 0:
                await other.tick(following[0].envelope.recorded_at)
        await other.tick(FAR_AWAY)

        assert await everything(stage) == await everything(other)


async def test_the_database_says_what_the_desk_in_memory_says(stage: Stage) -> None:
    events = a_busy_fortnight(seed=23)
    desk = DeskInMemory()
    desk.hear(events)
    desk.tick(FAR_AWAY)

    await stage.play(events, batch=20)
    await stage.tick(FAR_AWAY)

    def by_ticket(change: TicketChange) -> tuple[str, int]:
        return change.ticket, change.version

    assert sorted(await stage.changes(), key=by_ticket) == sorted(desk.changes, key=by_ticket)


async def test_a_number_absorbed_leads_to_its_survivor_whatever_comes_first(
    stage: Stage,
) -> None:
    """Merges on other partitions may overtake each other, and activities in flight."""
    await stage.play([merge("C1", "C2", at=at())])
    await stage.play([merge("C2", "C3", at=at(minutes=-5))])
    await stage.play([complaint(at(minutes=1), customer="C3", reference="r1")])
    await stage.play([answer(at(minutes=2), "r1", customer="C2", identity="email:x")])

    opened, responded = await stage.changes()
    assert {opened.customer, responded.customer} == {"C1"}
    assert opened.ticket == responded.ticket


async def test_a_customer_who_is_merged_while_an_event_waits_for_the_lock(stage: Stage) -> None:
    await stage.play([merge("C1", "C9", at=at()), enquiry(at(), customer="C2")])
    async with stage.engine.connect() as other_instance:
        merged = merge("C1", "C2", at=at(minutes=1))
        unit = Unit(other_instance, service="ticketing")
        heard = Heard(*merged, record=stage.record(ACTIVITIES.name, *merged))
        await Handlers(always(POLICY)).handle(unit, [heard])
        playing = asyncio.create_task(stage.play([complaint(at(minutes=1), customer="C2")]))
        await until_somebody_waits(stage.engine.url)
        await unit.save()
        await other_instance.commit()
    await playing

    names = [(change.type.split(".")[2], change.customer) for change in await stage.changes()]
    assert names == [("opened", "C2"), ("moved", "C1"), ("opened", "C1")]


async def test_activities_that_touch_no_ticket_are_not_even_read(stage: Stage) -> None:
    purchase = event("purchase.completed", at()).envelope

    await stage.hear([stage.raw(ACTIVITIES.name, headers=to_headers(purchase), value=b"not JSON")])

    assert await stage.records() == []


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(event("issue.responded", at()), id="an answer to nothing"),
        pytest.param(event("complaint.raised", at(), product=7), id="a number for a text"),
    ],
)
async def test_an_unusable_body_is_put_aside_and_the_rest_goes_on(
    stage: Stage, broken: Event
) -> None:
    await stage.play([complaint(at(), customer="C1"), broken, complaint(at(), customer="C2")])

    assert [change.customer for change in await stage.changes()] == ["C1", "C2"]
    [letter] = [r for r in await stage.records() if r.topic.endswith("dead-letters.v1")]
    assert dict(letter.headers)["dlq_reason"] == b"invalid_data"


async def test_timers_of_many_tickets_fire_in_order(stage: Stage) -> None:
    await stage.play([complaint(at(minutes=n), customer=f"C{n}") for n in range(20)])
    await stage.tick(at(hours=12))

    breaches = [c for c in await stage.changes() if isinstance(c, TicketBreached)]
    assert [b.due_at for b in breaches] == [at(hours=1, minutes=n) for n in range(20)]


async def test_the_migrations_make_the_tables_that_are_declared(stage: Stage) -> None:
    found = MetaData()
    async with stage.engine.connect() as connection:
        await connection.run_sync(found.reflect)

    def columns(table: Table) -> dict[str, tuple[str, bool, bool]]:
        return {
            c.name: (c.type.compile(dialect), bool(c.nullable), c.primary_key)
            for c in table.columns
        }

    dialect = stage.engine.dialect
    for name, table in tables.metadata.tables.items():
        assert columns(found.tables[name]) == columns(table)
        assert {i.name for i in table.indexes} <= {i.name for i in found.tables[name].indexes}


def test_all_that_is_heard_is_what_the_policy_names_and_what_follows_it() -> None:
    reports = {"complaint.raised", "fault.reported", "enquiry.made"}

    assert POLICY.types == {f"careline.{name}.v1" for name in reports | FOLLOW_UPS.keys()}
