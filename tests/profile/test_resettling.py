"""A changed policy takes effect for everybody it concerns, whether they come again or not."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from careline_contracts.events.profile import CustomersSplit
from careline_contracts.topics import CUSTOMERS
from careline_profile.card import NOW, Cards, Instant
from careline_profile.in_force import InForceAt, Rules
from careline_profile.resettling import applying
from careline_profile.resettling.applying import Resettling
from careline_profile.resettling.rules import UNKNOWN, concerned, in_words
from careline_profile.rules import customer_number
from careline_runtime.erasure import share
from tests.profile.by_hand import MONDAY, RULES, Profile, on, ref
from tests.waiting import until_somebody_waits

ANN, BOB, DESK = "app_user:ann", "app_user:bob", "phone:13911112222"


def with_shared(*values: str) -> Rules:
    links = RULES.links._replace(shared=RULES.links.shared | {ref(value) for value in values})
    return RULES._replace(links=links)


def with_shares(**shares: Any) -> Rules:
    return with_fields("shares", shares)


def with_merge(**strategies: Any) -> Rules:
    return with_fields("merge", strategies)


def with_fields(part: str, by_name: dict[str, Any]) -> Rules:
    fields = {
        name: field.model_copy(update={part: by_name[name]}) if name in by_name else field
        for name, field in RULES.fields.fields.items()
    }
    return RULES._replace(fields=RULES.fields._replace(fields=fields))


def test_only_those_are_decided_again_whom_the_change_concerns() -> None:
    def difference(by: Rules) -> Any:
        now = in_words(by.links, by.fields)
        return concerned(in_words(RULES.links, RULES.fields), json.loads(json.dumps(now)))

    assert difference(RULES) == (False, frozenset(), frozenset())
    assert difference(with_shared(DESK)) == (False, {ref(DESK)}, frozenset())
    assert difference(with_shares(industry="nothing")) == (False, frozenset(), {"industry"})
    narrower = RULES._replace(links=RULES.links._replace(max_identities=2))
    assert difference(narrower).everyone
    assert difference(with_merge(region="earliest")) == (False, frozenset(), {"region"})
    assert difference(with_merge(address="earliest")) == (False, frozenset(), frozenset())
    assert concerned(UNKNOWN, in_words(RULES.links, RULES.fields)).everyone


def under(profile: Profile, by: Rules) -> Resettling:
    return Resettling(profile.stage.unit, lambda instant: by, lambda: profile.now)


async def applied(profile: Profile, by: Rules) -> int:
    """Until all is as it should be; in how many units."""
    passes = 0
    while await under(profile, by).some():
        passes += 1
    return passes


async def owner(profile: Profile, identity: str) -> str | None:
    return await profile.cards.number_of(ref(identity))


@pytest.mark.stack
async def test_a_value_that_is_found_to_be_shared_parts_whom_it_had_joined(
    profile: Profile,
) -> None:
    await applied(profile, RULES)
    await profile.hear(
        [profile.touchpoint(ANN, DESK, minutes=1), profile.touchpoint(BOB, DESK, minutes=2)]
    )
    assert await owner(profile, BOB) == await owner(profile, ANN)
    assert await applied(profile, RULES) == 0, "nothing has changed"
    assert await applied(profile, with_shared(DESK)) == 1
    assert await owner(profile, ANN) == customer_number(ref(ANN))
    assert await owner(profile, BOB) == customer_number(ref(BOB))
    assert CustomersSplit.type in {s.envelope.type for s in await profile.said()}
    await applied(profile, RULES)
    assert await owner(profile, BOB) == await owner(profile, ANN), "the links are kept"


@pytest.mark.stack
async def test_what_others_may_know_is_said_anew_once_for_each_customer(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "AT_ONCE", 2)
    await applied(profile, RULES)
    people = [f"app_user:p{n}" for n in range(5)]
    for n, one in enumerate(people):
        mail = f"email:p{n}@example.org"
        await profile.hear(
            [
                profile.details(one, mail, at=10 * n, industry="retail", region="CN"),
                profile.details(mail, at=10 * n + 5, industry="retail"),
            ]
        )
    said = len(await profile.said())
    passes = await applied(profile, with_shares(industry="nothing"))
    assert passes == 5, "two identities a unit"
    states = [s for s in (await profile.said())[said:] if s.topic == CUSTOMERS.name]
    assert sorted(s.key for s in states) == sorted(customer_number(ref(p)) for p in people)
    assert {tuple(json.loads(s.value)["attributes"]) for s in states} == {("region",)}
    profile.now += timedelta(days=1)
    assert await applied(profile, with_shares(industry="nothing")) == 0


@pytest.mark.stack
async def test_a_policy_that_is_taken_back_halfway_leaves_nobody_under_it(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "AT_ONCE", 1)
    await applied(profile, RULES)
    await profile.hear(
        [profile.touchpoint(ANN, DESK, minutes=1), profile.touchpoint(BOB, DESK, minutes=2)]
    )
    assert await under(profile, with_shared(DESK)).some() == 1
    assert await owner(profile, BOB) != await owner(profile, ANN)
    await applied(profile, RULES)
    assert await owner(profile, BOB) == await owner(profile, ANN)


def from_minute(minute: int, later: Rules) -> InForceAt:
    return lambda at: later if at >= MONDAY + timedelta(minutes=minute) else RULES


@pytest.mark.stack
async def test_an_event_is_read_by_the_policy_of_when_it_was_recorded_and_decided_by_that_of_now(
    profile: Profile,
) -> None:
    blocks_the_desk = RULES._replace(
        links=RULES.links._replace(blocked=RULES.links.blocked | {ref(DESK)})
    )
    following = on(profile.engine, from_minute(60, blocks_the_desk))
    await following.hear(
        [
            profile.touchpoint(ANN, DESK, minutes=1, recorded=59),
            profile.touchpoint(BOB, DESK, minutes=2, recorded=61),
        ]
    )
    assert await owner(profile, DESK) is not None, "it counted when the first was recorded"
    assert await owner(profile, BOB) != await owner(profile, ANN)
    assert await links_of(profile, BOB) == 0, "it was no identity any more"


async def links_of(profile: Profile, identity: str) -> int:
    query = text("SELECT count(*) FROM links WHERE :ref IN (a, b)")
    async with profile.engine.connect() as connection:
        return int((await connection.execute(query, {"ref": ref(identity)})).scalar_one())


@pytest.mark.stack
async def test_what_was_known_is_answered_by_the_policy_of_then(profile: Profile) -> None:
    then, later = MONDAY + timedelta(minutes=30), with_merge(region="earliest")
    await profile.hear(
        [profile.details(ANN, at=1, region="CN-ZJ"), profile.details(ANN, at=9, region="CN-SH")]
    )
    cards = Cards(
        profile.engine.connect, profile.stage.unit, from_minute(60, later), lambda: profile.now
    )
    regions = []
    for at in (Instant(known_at=then), NOW, Instant(known_at=then + timedelta(hours=1))):
        customer = await cards.customer(customer_number(ref(ANN)), at)
        assert customer is not None
        regions += [value.value for value in customer.record.fields["region"]]
    assert regions == ["CN-SH", "CN-ZJ", "CN-ZJ"]


@pytest.mark.stack
async def test_who_begins_with_a_policy_waits_for_what_is_in_hand_by_the_former(
    profile: Profile,
) -> None:
    await applied(profile, RULES)
    another_instance = on(profile.engine)
    async with another_instance.stage.unit() as in_hand:
        await share(in_hand.connection)
        beginning = asyncio.create_task(under(profile, with_shared(DESK)).some())
        await until_somebody_waits(profile.engine.url)
        assert not beginning.done()
    await beginning
