"""Neither order nor repetition, batches nor ticks show in what engagement says and keeps."""

import random
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from careline_contracts.topics import CASE_CHANGES
from tests.engagement.by_hand import Engagement, after, fresh_engagement

pytestmark = pytest.mark.stack

EVER_AFTER = after(24 * 365)


async def kept(engagement: Engagement) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that engagement knows."""
    tables = ("aliases", "customers", "facts", "entries", "cases", "timers")
    return {t: await engagement.rows(f"SELECT * FROM {t} ORDER BY {t}") for t in tables}  # noqa: S608


def some_events(engagement: Engagement, *, seed: int) -> list[ConsumerRecord]:
    """Three weeks of a dozen customers, two of whom turn out to be one."""
    draw = random.Random(seed)
    people = [f"C{n}" for n in range(12)]
    told = [engagement.tier(person, 0, draw.choice(["core", "edge"])) for person in people]
    for hours in sorted(draw.sample(range(1, 24 * 21), 240)):
        person = draw.choice(people if hours < 300 else people[1:])
        match draw.randrange(7):
            case 0:
                told.append(engagement.risk(person, hours, draw.choice(["high", "low"])))
            case 1:
                told.append(engagement.need(person, hours, draw.choice(["dormant", "active"])))
            case 2:
                told.append(engagement.tier(person, hours, draw.choice(["core", "edge"])))
            case 3:
                told.append(engagement.touchpoint(person, hours, "call.completed"))
            case 4:
                told.append(engagement.touchpoint(person, hours, "purchase.completed"))
            case 5:
                told.append(engagement.answer(person, hours, "replied", cause="price"))
            case 6:
                told.append(engagement.answer(person, hours, "delivered", offer="10 %"))
    told.append(engagement.merge("C1", "C0", hours=300))
    return told


@pytest.mark.parametrize("seed", range(3))
async def test_same_events_twice_shuffled_and_in_other_batches(admin_url: str, seed: int) -> None:
    draw = random.Random(seed)
    async with (
        fresh_engagement(admin_url, "retention") as one,
        fresh_engagement(admin_url, "retention") as other,
    ):
        events = some_events(one, seed=seed)
        await one.hear(events)
        await one.tick(EVER_AFTER)

        twice = other.again(events)
        twice += other.again(events)
        draw.shuffle(twice)
        # new records, so that offsets ascend in the order in which they are heard
        await other.hear(other.again(twice), batch=[1, 7, 100][seed])
        await other.tick(EVER_AFTER)

        assert await kept(other) == await kept(one)
        said = await one.said()
        assert {s.envelope.id for s in said} == {s.envelope.id for s in await other.said()}
        assert sorted(said) == sorted(await other.said())
        once = {(s.topic, s.envelope.id) for s in said}
        assert len(said) == len(once), "a request on two topics, everything once on each"
        assert len({s.envelope.subject for s in said}) > 5, "cases were opened"
        for stage in (one, other):
            for case in {s.envelope.subject for s in said}:
                changes = [d for d in await stage.said_on(CASE_CHANGES) if d["case"] == case]
                assert [d["version"] for d in changes] == list(range(1, len(changes) + 1))
                assert [d["as_of"] for d in changes] == sorted(d["as_of"] for d in changes)


async def test_ticks_do_not_show(admin_url: str) -> None:
    async with (
        fresh_engagement(admin_url, "retention") as one,
        fresh_engagement(admin_url, "retention") as other,
    ):
        events = some_events(one, seed=7)
        await one.hear(events)
        await one.tick(EVER_AFTER)
        by_day = sorted(other.again(events), key=lambda record: _time(record))
        for day in range(22):
            await other.hear(
                other.again(
                    [r for r in by_day if _time(r)[:10] == after(24 * day).isoformat()[:10]]
                )
            )
            await other.tick(after(24 * day))
        await other.tick(EVER_AFTER)
        assert sorted(await one.said()) == sorted(await other.said())


def _time(record: ConsumerRecord) -> str:
    time = next(value for name, value in record.headers if name == "ce_time")
    return str(time.decode())
