"""An answer about what was known never changes: neither what a record said nor who was one."""

import random
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings

from careline_contracts.envelope import to_text
from careline_profile.model import Merged, Split
from careline_profile.rules import customer_number
from careline_profile.rules.past import Membership, Moved, as_known, owner_of
from tests.profile.by_hand import MONDAY, Profile, ref
from tests.profile.histories import History
from tests.profile.test_order import TIGHT, Decided, Event, lives

ANN, MAIL, APP = "phone:13911112222", "email:ann@example.org", "app_user:ann"


@settings(max_examples=60)
@given(life=lives())
def test_who_was_one_customer_is_what_was_thought_then(
    life: tuple[list[Event], list[Decided]],
) -> None:
    past, seen = History(TIGHT), []
    first: dict[str, Any] = {}
    moves: dict[str, list[Moved]] = {}
    steps: list[Event | Decided] = [*life[0], *life[1]]
    for minute, step in enumerate(steps):
        at, said = MONDAY + timedelta(minutes=minute), len(past.changes)
        if isinstance(step, Event):
            past.hear(*step.refs, at=MONDAY + timedelta(minutes=step.minutes), key=step.key)
        elif step.link in past.graph.links:
            past.apply(step.link, step.verdict)
        for identity in past.graph.owners:
            first.setdefault(identity, at)
        for change in past.changes[said:]:
            if isinstance(change, Merged | Split):
                for move in change.moves:
                    moved = Moved(move.move, move.customer, change.moved_from, at)
                    moves.setdefault(move.name, []).append(moved)
        aliases = {n: c.merged_into or n for n, c in past.graph.customers.items()}
        seen.append((at, dict(past.graph.owners), aliases))
    memberships = [
        Membership(one, owner, first[one], first[one], moves.get(one, ()))
        for one, owner in past.graph.owners.items()
    ]
    for at, owners, leads in seen:
        assert {m.ref: m.customer_at(at) for m in memberships if m.customer_at(at)} == owners
        for number, owner in leads.items():
            assert owner_of(number, memberships, at) == owner
            known = as_known(owner, memberships, at)
            assert {m.ref for m in known.members} == {r for r, o in owners.items() if o == owner}
            assert known.aliases == sorted(n for n, o in leads.items() if o == owner != n)
        unheard = past.graph.customers.keys() - leads.keys()
        assert not any(owner_of(number, memberships, at) for number in unheard)


@pytest.fixture
async def client(profile: Profile) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=profile.api)
    async with httpx.AsyncClient(transport=transport, base_url="http://profile") as client:
        yield client


async def card(client: httpx.AsyncClient, number: str, minute: int) -> Any:
    """What is known of a customer as of this minute."""
    asked = {"known_at": to_text(MONDAY + timedelta(minutes=minute))}
    return (await client.get(f"/v1/customers/{number}", params=asked)).json()


@pytest.mark.stack
async def test_a_merge_that_was_found_later_is_not_seen_before(
    profile: Profile, client: httpx.AsyncClient
) -> None:
    number, other = customer_number(ref(ANN)), customer_number(ref(MAIL))
    await profile.hear(
        [
            profile.details(ANN, at=10, region="CN"),
            profile.details(MAIL, at=20, industry="retail"),
            profile.touchpoint(ANN, MAIL, minutes=30),
        ]
    )
    alone = await card(client, number, 25)
    assert [one["kind"] for one in alone["identities"]] == ["phone"]
    assert (alone["aliases"], (await card(client, other, 25))["customer"]) == ([], other)
    together = await card(client, other, 35)
    assert (together["customer"], together["aliases"]) == (number, [other])
    assert together["merged_into"] == number


@pytest.mark.stack
@pytest.mark.parametrize("seed", range(2))
async def test_whatever_is_heard_later_no_answer_changes(
    profile: Profile, client: httpx.AsyncClient, seed: int
) -> None:
    """Late news of merges, splits and new identities, recorded before instants that were asked."""
    draw = random.Random(seed)
    names = [ANN, MAIL, APP, "crm_number:1", "crm_number:2", "phone:13911113333"]
    numbers = [customer_number(ref(name)) for name in names]
    asked: dict[tuple[str, int], Any] = {}
    for at in draw.sample(range(60), 40):
        named = draw.sample(names, draw.choice([1, 2, 2]))
        await profile.hear([profile.touchpoint(*named, minutes=at, id=f"e{at}")])
        question = (draw.choice(numbers), draw.randrange(60))
        answer = await card(client, *question)
        assert asked.setdefault(question, answer) == answer
    for question, answer in asked.items():
        assert await card(client, *question) == answer
    summary = (await client.get("/v1/summary")).json()
    assert summary["merged"] > 0 and any(len(a.get("identities", ())) > 1 for a in asked.values())
