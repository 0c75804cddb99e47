"""A changed policy takes effect for everybody it concerns, whether they come again or not."""

import json
from datetime import timedelta
from typing import Any

import pytest

from careline_contracts.events.profile import CustomersSplit
from careline_contracts.topics import CUSTOMERS
from careline_profile.handlers import Rules
from careline_profile.resettling import applying
from careline_profile.resettling.applying import Resettling
from careline_profile.resettling.rules import concerned, in_words
from careline_profile.rules import customer_number
from careline_profile.testing import RULES, Profile, ref

ANN, BOB, DESK = "app_user:ann", "app_user:bob", "phone:13911112222"


def with_shared(*values: str) -> Rules:
    links = RULES.links._replace(shared=RULES.links.shared | {ref(value) for value in values})
    return RULES._replace(links=links)


def with_shares(**shares: Any) -> Rules:
    fields = {
        name: field.model_copy(update={"shares": shares.get(name, field.shares)})
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


def under(profile: Profile, by: Rules) -> Resettling:
    return Resettling(profile.stage.unit, by, lambda: profile.now)


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
