"""REC-3 on a real database: what is told is kept, sealed where it must be, and said."""

import json
import random
from typing import cast

import orjson
import pytest
from sqlalchemy import text

from careline_contracts.events.profile import IDENTITIES
from careline_contracts.events.touchpoints import ConsentChanged, SmsOptedOut
from careline_contracts.topics import CUSTOMER_CHANGES, CUSTOMERS
from careline_profile.record.queries import facts_of
from careline_profile.record.rules.fold import fold
from careline_profile.rules import customer_number
from tests.profile.by_hand import RULES, Profile, fresh_profile, ref
from tests.runtime.by_hand import Said

pytestmark = pytest.mark.stack

ANN, ANNS_MAIL = "phone:13911112222", "email:ann@example.org"
NUMBER = customer_number(ref(ANN))


async def values(profile: Profile, *identities: str) -> dict[str, str]:
    """The record of who has these identities, opened, as `field` or `field/item`."""
    async with profile.engine.connect() as connection:
        facts = await facts_of(connection, list(map(ref, identities)))
    return {
        "/".join(filter(None, slot)): profile.keyring.open(slot.field, fact.value)
        if fact.token
        else fact.value
        for slot, fact in fold(facts, RULES.fields).items()
    }


async def states(profile: Profile) -> list[dict[str, object]]:
    return [json.loads(s.value) for s in await profile.said() if s.topic == CUSTOMERS.name]


async def changes(profile: Profile) -> list[Said]:
    return [said for said in await profile.said() if said.topic == CUSTOMER_CHANGES.name]


async def test_details_become_the_record_in_their_form(profile: Profile) -> None:
    await profile.hear(
        [
            profile.details(
                ANN,
                at=1,
                personal={"name": " 王 小明", "birthday": "1985年6月7日"},
                party="个人",
                region="CN-31",
                preferences=["jazz", "rock"],
            ),
            profile.touchpoint(ANN, ANNS_MAIL, minutes=2),
            profile.details(ANNS_MAIL, at=3, region="SG"),
        ]
    )
    assert await values(profile, ANN, ANNS_MAIL) == {
        "birthday": "1985-06-07",
        "name": "王 小明",
        "party": "individual",
        "preferences/jazz": "jazz",
        "preferences/rock": "rock",
        "region": "SG",
    }


async def test_whoever_wants_attributes_alone_can_skip_what_brings_none(profile: Profile) -> None:
    await profile.hear([profile.touchpoint(ANN, ANNS_MAIL, minutes=1)])
    await profile.hear([profile.details(ANN, at=2, region="CN-31")])
    await profile.hear([profile.touchpoint(ANN, "member_card:7", minutes=3)])

    subjects = [s.envelope.subject for s in await profile.said() if s.topic == CUSTOMERS.name]
    assert subjects[0] == IDENTITIES and IDENTITIES not in subjects[1:]


async def test_other_services_hear_what_the_policy_shares_and_which_fields_changed(
    profile: Profile,
) -> None:
    personal = {"name": "Ann Example", "birthday": "1985-06-07"}
    await profile.hear([profile.details(ANN, at=1, personal=personal, region="CN-31")])
    created, changed = await changes(profile)
    assert [created.envelope.id, changed.envelope.id] == [
        f"{NUMBER}-1-created",
        f"{NUMBER}-2-record",
    ]
    assert json.loads(changed.value)["fields"] == ["birthday", "name", "region"]
    [state] = await states(profile)
    assert state["version"] == 2
    assert state["attributes"] == {"birthday": "--06-07", "region": "CN-31"}


async def test_saying_the_same_again_changes_nothing(profile: Profile) -> None:
    await profile.hear([profile.details(ANN, at=n, region="CN-31") for n in (1, 2)], batch=1)
    assert len(await changes(profile)) == 2
    assert len(await states(profile)) == 1


async def test_a_merge_brings_both_records_together(profile: Profile) -> None:
    await profile.hear(
        [
            profile.details(ANN, at=1, party="individual"),
            profile.details(ANNS_MAIL, at=2, region="SG"),
            profile.touchpoint(ANN, ANNS_MAIL, minutes=3),
        ]
    )
    assert (await states(profile))[-1]["attributes"] == {"party": "individual", "region": "SG"}


async def test_what_can_be_no_value_is_kept_as_a_finding_only(profile: Profile) -> None:
    more = orjson.dumps({"shoe_size": "42"}).decode()
    await profile.hear(
        [profile.details(ANN, at=1, personal={"birthday": "soon", "more": more}, party="a robot")]
    )
    assert await values(profile, ANN) == {}
    async with profile.engine.connect() as connection:
        found = await connection.execute(
            text("SELECT field, flaw, value FROM facts ORDER BY field")
        )
        rows = [(field, flaw, profile.keyring.open(field, said)) for field, flaw, said in found]
    assert rows == [
        ("birthday", "is not a date, as in 1985-06-07 or --06-07", "soon"),
        ("party", "is none of individual, company", "a robot"),
        ("shoe_size", "is no field of the record", "42"),
    ]


async def test_consents_are_kept_by_channel_and_purpose(profile: Profile) -> None:
    def consent(at: int, contact_channel: str, granted: bool) -> object:
        return {
            "minutes": at,
            "type": ConsentChanged.type,
            "body": {"contact_channel": contact_channel, "purpose": "News", "granted": granted},
        }

    await profile.hear(
        [
            profile.touchpoint(ANN, **consent(1, "sms", True)),  # type: ignore[arg-type]
            profile.touchpoint(ANN, **consent(2, "email", True)),  # type: ignore[arg-type]
            profile.touchpoint(
                ANN, minutes=3, channel="sms", type=SmsOptedOut.type, body={"purpose": "news"}
            ),
        ]
    )
    assert await values(profile, ANN) == {
        "consents/email/news": "granted",
        "consents/sms/news": "refused",
    }


async def test_details_that_no_key_opens_are_put_aside_and_the_rest_goes_on(
    profile: Profile,
) -> None:
    bad = profile.details(ANN, at=1, personal={"name": "Ann"})
    bad.value = bad.value.replace(b'"name":"k1.', b'"name":"k9.')
    await profile.hear([bad, profile.touchpoint(ANN, minutes=2)])
    [letter] = [r for r in await profile.records() if r.topic.endswith("dead-letters.v1")]
    assert dict(letter.headers)["dlq_reason"] == b"cannot_open"
    assert len(await states(profile)) == 1


async def test_no_personal_value_is_kept_or_said_in_clear(profile: Profile) -> None:
    personal = {"name": "Ann Example", "address": "1 Example Road", "birthday": "1985-06-07"}
    await profile.hear([profile.details(ANN, at=1, personal=personal)])
    async with profile.engine.connect() as connection:
        kept = str((await connection.execute(text("SELECT f::text FROM facts f"))).all())
    published = b"".join(record.value or b"" for record in await profile.records())
    for word in ("Ann", "Example", "1985"):
        assert word not in kept
        assert word.encode() not in published


@pytest.mark.parametrize("batch", [1, 3, 100])
async def test_batch_boundaries_do_not_show_in_what_is_said_of_records(
    profile: Profile, admin_url: str, batch: int
) -> None:
    draw = random.Random(5)
    events = []
    for n in range(60):
        named = draw.sample([ANN, ANNS_MAIL, "app_user:ann", "phone:13933334444"], 2)
        if draw.random() < 0.5:
            events.append(profile.touchpoint(*named[: draw.randint(1, 2)], minutes=n))
        else:
            region = draw.choice(["SG", "CN-31", "nowhere"])
            likes = draw.sample(["jazz", "rock", "folk"], 2)
            events.append(profile.details(*named, at=n, region=region, preferences=likes))
    await profile.hear(events)
    async with fresh_profile(admin_url) as other:
        records = [other.raw(r.topic, headers=r.headers, value=r.value) for r in events]
        await other.hear(records, batch=batch)
        assert await other.said() == await profile.said()


async def test_a_new_subscriber_loads_the_present_and_follows_without_a_gap(
    profile: Profile,
) -> None:
    draw = random.Random(9)
    people = [ANN, ANNS_MAIL, "app_user:ann", "phone:13933334444", "email:bob@example.org"]
    for n in range(40):
        named = draw.sample(people, draw.randint(1, 2))
        event = profile.details(*named, at=n, region=draw.choice(["SG", "GB", "CN-31"]))
        await profile.hear([event])
        if n == 20:
            present = await states(profile)
            heard = len(await changes(profile))
    # what compaction leaves of the state topic: the last state of each customer
    versions = {str(state["customer"]): cast(int, state["version"]) for state in present}
    # the changes topic may be read from some way before
    for said in (await changes(profile))[heard - 5 :]:
        version = json.loads(said.value)["version"]
        known = versions.get(said.key, 0)
        assert version <= known + 1, "a gap"
        versions[said.key] = max(known, version)
    now = {
        str(s["customer"]): s["version"] for s in await states(profile) if "merged_into" not in s
    }
    for state in await states(profile):
        if "merged_into" in state:
            now.pop(str(state["customer"]), None)
    assert now.items() <= versions.items()
