"""A person decides about links: evidence side by side, who decided and why, what follows."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from careline_contracts.topics import ACTIVITIES, CUSTOMER_CHANGES
from careline_profile.reviews import api
from careline_profile.rules import customer_number
from tests.profile.by_hand import MONDAY, Profile, in_force, ref
from tests.runtime.signed_in import api_in_test, signed_in

pytestmark = pytest.mark.stack

ANN, ANNS_CARD = "phone:13911112222", "member_card:00001"
BOB, BOBS_CARD = "phone:13933334444", "member_card:00002"
ANNS, BOBS = customer_number(ref(ANN)), customer_number(ref(BOB))
WHY = "her son's phone, she says"


@pytest.fixture
async def client(profile: Profile) -> AsyncIterator[httpx.AsyncClient]:
    now = MONDAY + timedelta(days=1)
    routes = api.router(profile.engine.connect, profile.stage.unit, in_force, lambda: now)
    transport = httpx.ASGITransport(app=api_in_test(routes))
    headers = signed_in("supervisor", subject="sue")
    async with httpx.AsyncClient(
        transport=transport, base_url="http://profile", headers=headers
    ) as client:
        yield client


async def merged(profile: Profile) -> None:
    await profile.hear([profile.touchpoint(ANN), profile.touchpoint(BOB)])
    await profile.hear([profile.touchpoint(ANN, BOB), profile.touchpoint(BOB)])


async def held(profile: Profile) -> None:
    events = [(ANN, ANNS_CARD), (BOB, BOBS_CARD), (ANN, BOB)]
    await profile.hear([profile.touchpoint(*event) for event in events])


async def owner(profile: Profile, identity: str) -> str:
    async with profile.engine.connect() as connection:
        found = await connection.execute(
            text("SELECT customer FROM identities WHERE ref = :ref"), {"ref": ref(identity)}
        )
        return str(found.scalar_one())


async def said(profile: Profile, word: str) -> list[dict[str, Any]]:
    return [
        json.loads(one.value)
        for one in await profile.said()
        if one.topic == CUSTOMER_CHANGES.name and one.envelope.id.endswith(word)
    ]


async def test_a_cut_splits_the_customer_and_says_so_under_both_numbers(
    profile: Profile, client: httpx.AsyncClient
) -> None:
    await merged(profile)
    [link] = (await client.get(f"/v1/customers/{ANNS}/links")).json()["links"]
    assert link["held"] is None
    assert [one["source"] for one in link["evidence"]] == ["/app"]
    answer = await client.post(
        f"/v1/customers/{BOBS}/split", json={"link": link["link"], "reason": WHY}
    )
    assert answer.status_code == 200, answer.text
    assert set(answer.json()["customers"]) == {ANNS, BOBS}
    assert await owner(profile, BOB) == BOBS
    [judged] = await said(profile, "judged")
    assert (judged["verdict"], judged["by"]) == ("cut", "sue")
    splits = await said(profile, "split")
    assert [one["customer"] for one in splits] == [ANNS, BOBS]
    keys = [o.key for o in await profile.said() if o.envelope.id.endswith("split")]
    assert sorted(keys) == sorted([ANNS, BOBS] * 2)  # on changes and on activities
    # what each says next, it says for itself; the same link again joins nobody
    await profile.hear([profile.touchpoint(BOB), profile.touchpoint(ANN, BOB)])
    activities = [o.key for o in await profile.said() if o.topic == ACTIVITIES.name]
    assert activities[-2:] == [BOBS, ANNS]
    assert await owner(profile, BOB) == BOBS
    assert (await client.get("/v1/reviews")).json()["reviews"] == []


async def test_a_held_link_is_shown_side_by_side_and_approved(
    profile: Profile, client: httpx.AsyncClient
) -> None:
    await held(profile)
    [waiting] = (await client.get("/v1/reviews")).json()["reviews"]
    assert (waiting["held"], waiting["kind"]) == ("single_valued_conflict", "member_card")
    review = (await client.get(f"/v1/reviews/{waiting['link']}")).json()
    kinds = [{member["kind"] for member in side["identities"]} for side in review["sides"]]
    assert kinds == [{"phone", "member_card"}] * 2
    assert review["link"]["evidence"]
    decision = {"verdict": "approved", "reason": "the old card was lost"}
    answer = await client.post(f"/v1/reviews/{waiting['link']}/decision", json=decision)
    assert answer.status_code == 200, answer.text
    assert len({await owner(profile, i) for i in (ANN, ANNS_CARD, BOB, BOBS_CARD)}) == 1
    [shown] = [
        link
        for link in (await client.get(f"/v1/customers/{ANNS}/links")).json()["links"]
        if link["verdicts"]
    ]
    assert shown["verdicts"][0]["reason"] == "the old card was lost"


async def test_a_refused_link_is_in_no_queue(profile: Profile, client: httpx.AsyncClient) -> None:
    await held(profile)
    [waiting] = (await client.get("/v1/reviews")).json()["reviews"]
    decision = {"verdict": "refused", "reason": "mother and daughter"}
    answer = await client.post(f"/v1/reviews/{waiting['link']}/decision", json=decision)
    assert answer.status_code == 200, answer.text
    assert (await client.get("/v1/reviews")).json()["reviews"] == []
    assert await owner(profile, ANN) != await owner(profile, BOB)


async def test_reasons_are_kept_sealed_and_said_nowhere(
    profile: Profile, client: httpx.AsyncClient
) -> None:
    await merged(profile)
    [link] = (await client.get(f"/v1/customers/{ANNS}/links")).json()["links"]
    cut = {"link": link["link"], "reason": WHY}
    await client.post(f"/v1/customers/{ANNS}/split", json=cut)
    async with profile.engine.connect() as connection:
        kept = (await connection.execute(text("SELECT reason FROM verdicts"))).scalar_one()
    assert WHY not in kept
    assert not any(WHY.encode() in (record.value or b"") for record in await profile.records())


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        pytest.param(
            f"/v1/customers/{ANNS}/split",
            {"link": "L000000000000", "reason": WHY},
            404,
            "has no link",
            id="no such link",
        ),
        pytest.param(
            "/v1/reviews/L000000000000/decision",
            {"verdict": "approved", "reason": WHY},
            404,
            "is held",
            id="no such review",
        ),
        pytest.param(
            f"/v1/customers/{ANNS}/split",
            {"link": "L000000000000", "reason": "no"},
            422,
            "reason",
            id="no reason",
        ),
    ],
)
async def test_what_cannot_be_decided_says_why(
    profile: Profile,
    client: httpx.AsyncClient,
    path: str,
    body: dict[str, str],
    status: int,
    words: str,
) -> None:
    await merged(profile)
    answer = await client.post(path, json=body)
    assert answer.status_code == status
    assert words in answer.text


async def test_a_held_link_cannot_be_cut(profile: Profile, client: httpx.AsyncClient) -> None:
    await held(profile)
    [waiting] = (await client.get("/v1/reviews")).json()["reviews"]
    number = await owner(profile, ANN)
    cut = {"link": waiting["link"], "reason": WHY}
    answer = await client.post(f"/v1/customers/{number}/split", json=cut)
    assert answer.status_code == 409
    assert "approve or refuse" in answer.text


async def test_a_link_is_cut_once(profile: Profile, client: httpx.AsyncClient) -> None:
    await merged(profile)
    [link] = (await client.get(f"/v1/customers/{ANNS}/links")).json()["links"]
    cut = {"link": link["link"], "reason": WHY}
    answers = [await client.post(f"/v1/customers/{ANNS}/split", json=cut) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 409]
    assert "approve it to undo that" in answers[1].text


async def test_an_agent_decides_nothing(profile: Profile, client: httpx.AsyncClient) -> None:
    await held(profile)
    [waiting] = (await client.get("/v1/reviews")).json()["reviews"]
    answer = await client.post(
        f"/v1/reviews/{waiting['link']}/decision",
        json={"verdict": "approved", "reason": WHY},
        headers=signed_in("agent", subject="al"),
    )
    assert answer.status_code == 403
