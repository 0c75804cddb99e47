"""Touchpoints on a real database: what is said and kept, in any order, batch and repetition."""

import asyncio
import json
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from aiokafka import ConsumerRecord
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData

from careline_contracts.envelope import from_headers
from careline_contracts.events.touchpoints import Channel
from careline_contracts.topics import ACTIVITIES, CUSTOMER_CHANGES, CUSTOMERS, Topic
from careline_profile.model import pair
from careline_profile.rules import customer_number, link_name
from careline_profile.tables import metadata
from careline_runtime.tables import metadata as runtime_metadata
from tests.profile.by_hand import Profile, fresh_profile, on, ref
from tests.runtime.by_hand import Said

pytestmark = pytest.mark.stack

ANN, ANNS_MAIL, ANNS_APP = "phone:13911112222", "email:ann@example.org", "app_user:ann"
BOB, CARD, OTHER_CARD = "phone:13933334444", "member_card:00001", "member_card:00002"
NOBODY = "phone:13800000000"
CHANNELS: tuple[Channel, ...] = ("app", "phone", "store")


def number(identity: str) -> str:
    return customer_number(ref(identity))


async def said_on(profile: Profile, topic: Topic) -> list[Said]:
    return [said for said in await profile.said() if said.topic == topic.name]


async def kept(profile: Profile) -> dict[str, list[tuple[object, ...]]]:
    """Everything that profile knows, apart from numbers, versions and who came first."""
    return {
        "customers": await profile.rows(
            """SELECT array_agg(ref ORDER BY ref) AS refs FROM identities
            GROUP BY customer ORDER BY refs""",
        ),
        "held": await profile.rows("SELECT a, b, reason, kind FROM reviews ORDER BY a, b"),
        "links": await profile.rows("SELECT * FROM links ORDER BY a, b, source, month"),
        "timeline": await profile.rows(
            "SELECT * FROM timeline ORDER BY occurred_at, event_key, token"
        ),
    }


def some_events(profile: Profile, *, seed: int, count: int = 300) -> list[ConsumerRecord]:
    """Events of a few people, each with some of their identities; some name somebody else's."""
    draw = random.Random(seed)
    people = [
        (f"phone:139{n:08d}", f"email:p{n}@example.org", f"app_user:{n}", f"member_card:{n}")
        for n in range(12)
    ]
    events = []
    for n in range(count):
        named = list(draw.sample(draw.choice(people), draw.randint(1, 3)))
        if draw.random() < 0.3:
            named.insert(0, draw.choice(["device:shared", NOBODY]))
        if draw.random() < 0.05:
            named.append(draw.choice(draw.choice(people)))
        channel = draw.choice(CHANNELS)
        events.append(profile.touchpoint(*named, minutes=n, channel=channel))
    return events


def again(profile: Profile, records: Sequence[ConsumerRecord]) -> list[ConsumerRecord]:
    """The same events in new records."""
    return [profile.raw(r.topic, headers=r.headers, value=r.value) for r in records]


# -- what is said


async def test_a_touchpoint_becomes_an_activity_of_its_customer(profile: Profile) -> None:
    record = profile.touchpoint(ANN, type="careline.feature.used.v1")
    await profile.hear([record])
    [activity] = await said_on(profile, ACTIVITIES)
    heard = from_headers(record.headers)
    assert activity.key == number(ANN)
    assert activity.envelope.type == "careline.feature.used.v1"
    assert activity.envelope.id == heard.event_key
    assert activity.envelope.occurred_at == heard.occurred_at
    assert activity.envelope.recorded_at == heard.recorded_at
    assert activity.envelope.causation_id == heard.id
    assert json.loads(activity.value) == {
        "customer": number(ANN),
        "identity": ref(ANN),
        "channel": "app",
        "body": {"feature": "search"},
    }


async def test_a_new_customer_is_said_once_with_its_state(profile: Profile) -> None:
    await profile.hear([profile.touchpoint(ANN, ANNS_MAIL), profile.touchpoint(ANNS_MAIL)])
    changes = await said_on(profile, CUSTOMER_CHANGES)
    assert [said.envelope.id for said in changes] == [
        f"{number(ANN)}-1-created",
        f"{number(ANN)}-2-linked",
    ]
    [state] = await said_on(profile, CUSTOMERS)
    assert state.key == number(ANN)
    assert json.loads(state.value) == {
        "customer": number(ANN),
        "version": 2,
        "identities": {"email": 1, "phone": 1},
        "attributes": {},
        "aliases": [],
        "created_at": "2026-03-02T09:00:00Z",
    }


async def test_a_merge_is_said_before_the_activity_that_it_moves(profile: Profile) -> None:
    await profile.hear([profile.touchpoint(i) for i in (ANN, ANNS_MAIL)])
    before = len(await profile.said())
    await profile.hear([profile.touchpoint(ANNS_MAIL, ANN)])
    said = (await profile.said())[before:]
    assert [(s.topic, s.envelope.id) for s in said] == [
        (CUSTOMER_CHANGES.name, f"{number(ANNS_MAIL)}-2-absorbed"),
        (CUSTOMER_CHANGES.name, f"{number(ANN)}-2-merged"),
        (ACTIVITIES.name, f"{number(ANN)}-2-merged"),
        (CUSTOMERS.name, f"{number(ANNS_MAIL)}-2-state"),
        (CUSTOMERS.name, f"{number(ANN)}-2-state"),
        (ACTIVITIES.name, said[-1].envelope.id),
    ]
    assert {s.key for s in said} == {number(ANN), number(ANNS_MAIL)}
    merged = json.loads(said[2].value)
    assert merged["absorbed"] == [number(ANNS_MAIL)]
    assert merged["moves"] == [
        {"name": name, "customer": number(ANN), "move": 1}
        for name in (ref(ANNS_MAIL), number(ANNS_MAIL))
    ]
    assert json.loads(said[3].value)["merged_into"] == number(ANN)
    assert json.loads(said[4].value)["aliases"] == [number(ANNS_MAIL)]


async def test_an_identity_of_an_absorbed_customer_is_the_survivors(profile: Profile) -> None:
    await profile.hear([profile.touchpoint(i) for i in (ANN, ANNS_MAIL, ANNS_APP)])
    await profile.hear([profile.touchpoint(ANNS_APP, ANNS_MAIL)])
    await profile.hear([profile.touchpoint(ANNS_MAIL, ANN)])
    await profile.hear([profile.touchpoint(ANNS_APP)])
    assert (await said_on(profile, ACTIVITIES))[-1].key == number(ANN)
    assert await profile.rows("SELECT count(*) FROM customers WHERE merged_into IS NULL") == [(1,)]


async def test_two_member_cards_stop_the_merge_and_a_person_is_asked(profile: Profile) -> None:
    events = [(CARD, ANN), (OTHER_CARD, BOB), (ANN, BOB), (BOB, ANN)]
    await profile.hear([profile.touchpoint(*event) for event in events], batch=1)
    refused = [
        json.loads(said.value)
        for said in await said_on(profile, CUSTOMER_CHANGES)
        if said.envelope.id.endswith("refused")
    ]
    assert refused == [
        {
            "customer": number(CARD),
            "version": 3,
            "other": number(OTHER_CARD),
            "reason": "single_valued_conflict",
            "kind": "member_card",
            "link": link_name(pair(ref(ANN), ref(BOB))),
        }
    ]
    a, b = pair(ref(ANN), ref(BOB))
    assert await profile.rows("SELECT a, b, reason, kind FROM reviews") == [
        (a, b, "single_valued_conflict", "member_card")
    ]
    # the evidence is kept, for the person to see
    query = f"SELECT source FROM links WHERE a = '{a}' AND b = '{b}'"  # noqa: S608
    assert await profile.rows(query) == [("/app",)]
    assert [said.key for said in await said_on(profile, ACTIVITIES)][2:] == [
        number(CARD),
        number(OTHER_CARD),
    ]


async def test_an_event_with_placeholders_only_is_put_aside_and_the_rest_goes_on(
    profile: Profile,
) -> None:
    await profile.hear([profile.touchpoint(i) for i in (ANN, NOBODY, BOB)])
    assert [s.key for s in await said_on(profile, ACTIVITIES)] == [number(ANN), number(BOB)]
    [letter] = [r for r in await profile.records() if r.topic.endswith("dead-letters.v1")]
    headers = dict(letter.headers)
    assert headers["dlq_reason"] == b"missing_identity"
    assert headers["dlq_detail"] == b"every identity is a blocked placeholder: phone"
    assert b"13800000000" not in (letter.value or b"")


async def test_personal_values_are_kept_sealed_and_said_nowhere(profile: Profile) -> None:
    await profile.hear([profile.touchpoint(ANN, ANNS_MAIL)])
    for record in await profile.records():
        assert b"13911112222" not in (record.value or b"")
        assert b"ann@example.org" not in (record.value or b"")
    sealed = await profile.rows("SELECT ref, sealed FROM identities ORDER BY ref DESC")
    assert profile.keyring.open("phone", str(sealed[0][1])) == "+8613911112222"
    assert profile.keyring.open("email", str(sealed[1][1])) == "ann@example.org"


async def test_the_first_event_of_each_source_and_month_is_the_evidence_of_a_link(
    profile: Profile,
) -> None:
    month = 31 * 24 * 60
    both = (ANN, ANNS_MAIL)
    await profile.hear(
        [
            profile.touchpoint(*both, minutes=30, channel="phone"),
            profile.touchpoint(*both, minutes=20, channel="app"),
            profile.touchpoint(*reversed(both), minutes=10, channel="app"),
            profile.touchpoint(*both, minutes=40, channel="app"),
            profile.touchpoint(*both, minutes=month, channel="app"),
            profile.touchpoint(*both, minutes=5, channel="app"),
        ],
        batch=2,
    )
    query = """SELECT source, to_char(month, 'MM'), to_char(occurred_at, 'MI') FROM links
        ORDER BY source, month"""
    assert await profile.rows(query) == [
        ("/app", "03", "05"),
        ("/app", "04", "00"),
        ("/phone", "03", "30"),
    ]


# -- laws


async def test_the_same_events_twice_and_shuffled_give_the_same_customers(
    profile: Profile, admin_url: str
) -> None:
    events = some_events(profile, seed=7)
    await profile.hear(events)
    expected = await kept(profile)
    assert expected["held"], "some contradict each other"
    for seed in range(3):
        async with fresh_profile(admin_url) as other:
            shuffled = [*events, *events[::2]]
            random.Random(seed).shuffle(shuffled)
            await other.hear(again(other, shuffled), batch=7)
            assert await kept(other) == expected


@pytest.mark.parametrize("batch", [1, 7, 60])
async def test_batch_boundaries_do_not_show(profile: Profile, admin_url: str, batch: int) -> None:
    events = some_events(profile, seed=11)
    events += [profile.touchpoint(*e) for e in ((CARD, ANN), (OTHER_CARD, BOB), (ANN, BOB))]
    await profile.hear(events)
    async with fresh_profile(admin_url) as other:
        await other.hear(again(other, events), batch=batch)
        assert await other.said() == await profile.said()
        assert await kept(other) == await kept(profile)
        for table in ("customers", "identities", "reviews", "moves"):
            query = f"SELECT * FROM {table} ORDER BY 1, 2"  # noqa: S608
            assert await other.rows(query) == await profile.rows(query)


async def test_versions_on_the_changes_topic_have_no_gap(profile: Profile) -> None:
    await profile.hear(some_events(profile, seed=3), batch=10)
    versions: dict[str, list[int]] = {}
    for said in await said_on(profile, CUSTOMER_CHANGES):
        versions.setdefault(said.key, []).append(json.loads(said.value)["version"])
    for seen in versions.values():
        assert seen == list(range(1, len(seen) + 1))


async def test_two_instances_at_once_make_the_same_customers_as_one(
    profile: Profile, admin_url: str
) -> None:
    events = some_events(profile, seed=5, count=600)
    await profile.hear(events)
    async with fresh_profile(admin_url) as one:
        other = on(one.engine)
        even = again(one, events[0::2])
        odd = [replace(record, partition=1) for record in again(other, events[1::2])]
        await asyncio.gather(one.hear(even, batch=10), other.hear(odd, batch=10))
        assert await kept(one) == await kept(profile)
        # an absorbed number leads to its customer in one step
        chains = """SELECT count(*) FROM customers a JOIN customers b ON b.number = a.merged_into
            WHERE b.merged_into IS NOT NULL"""
        assert await one.rows(chains) == [(0,)]


async def test_the_schema_is_what_tables_says(profile: Profile) -> None:
    wanted = MetaData()
    for table in (*metadata.sorted_tables, *runtime_metadata.sorted_tables):
        table.to_metadata(wanted)
    async with profile.engine.connect() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(
                MigrationContext.configure(sync, opts={"compare_type": True}), wanted
            )
        )
    assert [d for d in differences if d[0] != "add_table_comment"] == []
