"""A record over HTTP: as it is, as it was, how it came to be; and how a person puts it right."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from careline_contracts.envelope import to_text
from careline_contracts.events.touchpoints import (
    ComplaintRaised,
    ConsentChanged,
    ContractChanged,
)
from careline_contracts.topics import CUSTOMER_CHANGES, CUSTOMERS
from careline_profile.rules import customer_number
from tests.profile.by_hand import MONDAY, Profile, ref
from tests.runtime.signed_in import signed_in

pytestmark = pytest.mark.stack

ANN, ANNS_MAIL = "phone:13911112222", "email:ann@example.org"
NUMBER = customer_number(ref(ANN))
LI = signed_in("agent", "li")


@pytest.fixture
async def client(profile: Profile) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=profile.api)
    async with httpx.AsyncClient(transport=transport, base_url="http://profile") as client:
        yield client


async def record(client: httpx.AsyncClient, **at: str) -> dict[str, Any]:
    answer = await client.get(f"/v1/customers/{NUMBER}", params=at)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()["record"]
    return shown


async def values(client: httpx.AsyncClient, **at: str) -> dict[str, list[str | None]]:
    fields = (await record(client, **at))["fields"]
    return {name: [one["value"] for one in several] for name, several in fields.items()}


async def edit(client: httpx.AsyncClient, *edits: dict[str, Any], **more: Any) -> httpx.Response:
    body = {"edits": edits, "reason": "told on the phone", **more}
    return await client.post(f"/v1/customers/{NUMBER}/edits", json=body, headers=LI)


def minute(number: int) -> str:
    return to_text(MONDAY + timedelta(minutes=number))


# -- as it is


async def test_each_value_says_where_it_comes_from_and_personal_ones_say_no_more(
    profile: Profile, client: httpx.AsyncClient
) -> None:
    personal = {"name": "Ann Example"}
    event = profile.details(
        ANN, at=3, personal=personal, verified_by="document", preferences=["rock", "jazz"]
    )
    await profile.hear([event])
    fields = (await record(client))["fields"]
    [name] = fields["name"]
    assert (name["value"], name["is_personal"]) == (None, True)
    jazz, rock = fields["preferences"]
    assert (jazz["value"], rock["value"]) == ("jazz", "rock")
    assert jazz["source"] == "/app"
    assert jazz["verified_by"] == "document"
    assert jazz["occurred_at"] == jazz["known_at"] == minute(3)


async def test_a_consent_is_none_after_its_end(profile: Profile, client: httpx.AsyncClient) -> None:
    body = {"contact_channel": "email", "purpose": "news", "granted": True}
    body["expires_at"] = minute(60)
    await profile.hear([profile.touchpoint(ANN, minutes=1, type=ConsentChanged.type, body=body)])
    for at, is_granted in ((minute(59), True), (minute(60), False)):
        [consent] = (await record(client, as_of=at))["consents"]
        assert (consent["channel"], consent["purpose"]) == ("email", "news")
        assert consent["is_granted"] is is_granted


# -- as it was


async def test_the_past_is_shown_as_it_was_true_and_as_it_was_known(
    profile: Profile, client: httpx.AsyncClient
) -> None:
    await profile.hear(
        [
            profile.details(ANN, at=10, region="CN"),
            profile.details(ANN, at=30, region="SG"),
            profile.touchpoint(
                ANN,
                id="late",
                minutes=20,
                recorded=40,
                type="careline.details.given.v1",
                body={"region": "GB"},
            ),
        ]
    )
    assert await values(client) == {"region": ["SG"]}
    assert await values(client, as_of=minute(25)) == {"region": ["GB"]}
    assert await values(client, as_of=minute(25), known_at=minute(35)) == {"region": ["CN"]}
    asked = {"known_at": minute(5)}
    nobody = await client.get(f"/v1/customers/{NUMBER}", params=asked)
    assert nobody.status_code == 404, "nobody had heard of her"


async def test_an_answer_about_what_was_known_never_changes_later(
    profile: Profile, client: httpx.AsyncClient
) -> None:
    await profile.hear([profile.details(ANN, at=10, region="CN")])
    asked = {"known_at": minute(50)}
    before = await record(client, **asked)
    # recorded at the edge before the instant that was asked for, and heard only now
    await profile.hear([profile.details(ANN, at=45, region="SG")])
    assert await record(client, **asked) == before
    assert await values(client) == {"region": ["SG"]}
    [history] = [
        change
        for change in (await client.get(f"/v1/customers/{NUMBER}/history")).json()["changes"]
        if change["after"] == "SG"
    ]
    assert history["by"]["occurred_at"] == minute(45)
    assert history["by"]["known_at"] == to_text(MONDAY + timedelta(minutes=50, microseconds=1))


async def test_nobody_knows_what_will_be_known(profile: Profile, client: httpx.AsyncClient) -> None:
    later = to_text(profile.now + timedelta(seconds=1))
    answer = await client.get(f"/v1/customers/{NUMBER}", params={"known_at": later})
    assert answer.status_code == 422


async def test_the_history_says_what_from_to_by_whom_when_true_and_when_known(
    profile: Profile, client: httpx.AsyncClient
) -> None:
    await profile.hear(
        [
            profile.details(ANN, at=1, region="CN", personal={"name": "Ann"}),
            profile.details(ANN, at=2, region="SG"),
        ]
    )
    answer = await client.get(f"/v1/customers/{NUMBER}/history")
    shown = [(c["field"], c["before"], c["after"]) for c in answer.json()["changes"]]
    assert shown == [("name", None, None), ("region", None, "CN"), ("region", "CN", "SG")]
    assert "Ann" not in answer.text
    of_region = await client.get(f"/v1/customers/{NUMBER}/history", params={"field": "region"})
    assert len(of_region.json()["changes"]) == 2


async def test_the_history_of_a_personal_field_says_whether_there_was_a_value_and_is_one(
    profile: Profile, client: httpx.AsyncClient
) -> None:
    await profile.hear(
        [
            profile.details(ANN, at=1, personal={"name": "Ann"}),
            profile.details(ANN, at=2, personal={"name": "Ann Example"}),
        ]
    )
    assert (await edit(client, {"field": "name"})).status_code == 200
    answer = await client.get(f"/v1/customers/{NUMBER}/history")
    came, changed, went = answer.json()["changes"]
    assert (came["is_new"], came["is_gone"]) == (True, False)
    assert (changed["is_new"], changed["is_gone"]) == (False, False)
    assert (went["is_new"], went["is_gone"]) == (False, True)
    assert {(c["before"], c["after"]) for c in (came, changed, went)} == {(None, None)}


# -- put right


async def test_a_person_puts_values_right_and_it_is_a_fact_like_any_other(
    profile: Profile, client: httpx.AsyncClient
) -> None:
    await profile.hear([profile.details(ANN, at=1, region="CN", special_care=["vip"])])
    answer = await edit(
        client,
        {"field": "region", "value": "SG"},
        {"field": "name", "value": " Ann  Example"},
        {"field": "special_care", "item": "vip"},
    )
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "customer": NUMBER,
        "version": 3,
        "fields": ["name", "region", "special_care"],
    }
    assert await values(client) == {"name": [None], "region": ["SG"]}
    [region] = (await record(client))["fields"]["region"]
    assert region["source"] == "staff:li"
    state = [json.loads(s.value) for s in await profile.said() if s.topic == CUSTOMERS.name][-1]
    assert (state["version"], state["attributes"]) == (3, {"region": "SG"})


async def test_an_edit_that_a_better_source_outweighs_says_so(
    profile: Profile, client: httpx.AsyncClient
) -> None:
    personal = {"name": "Ann Example"}
    await profile.hear([profile.details(ANN, at=1, personal=personal, verified_by="document")])
    wanted = {"field": "name", "value": "Anna Example"}
    assert (await edit(client, wanted)).json()["fields"] == []
    assert (await edit(client, wanted, verified_by="call_back")).json()["fields"] == ["name"]


@pytest.mark.parametrize(
    ("wanted", "status", "words"),
    [
        ({"field": "birthday", "value": "soon"}, 422, '1,"value"],"msg":"birthday: is not a date'),
        ({"field": "shoe_size", "value": "42"}, 422, '1,"field"],"msg":"shoe_size is no field of'),
        ({"field": "region", "value": "SG", "reason": "why"}, 422, "5 characters"),
    ],
)
async def test_an_edit_that_cannot_be_made_is_refused_in_words_and_nothing_is_changed(
    profile: Profile, client: httpx.AsyncClient, wanted: dict[str, str], status: int, words: str
) -> None:
    await profile.hear([profile.touchpoint(ANN, minutes=1)])
    more = {"reason": wanted.pop("reason")} if "reason" in wanted else {}
    answer = await edit(client, {"field": "industry", "value": "retail"}, wanted, **more)
    assert (answer.status_code, words in answer.text) == (status, True), answer.text
    assert await values(client) == {}


async def test_only_who_may_edit_edits(profile: Profile, client: httpx.AsyncClient) -> None:
    await profile.hear([profile.touchpoint(ANN, minutes=1)])
    body = {"edits": [{"field": "region", "value": "SG"}], "reason": "told on the phone"}
    for headers, status in (({}, 401), (signed_in("auditor"), 403)):
        answer = await client.post(f"/v1/customers/{NUMBER}/edits", json=body, headers=headers)
        assert answer.status_code == status


# -- REC-6


async def test_a_contract_change_and_a_complaint_remind_the_account_manager_until_they_looked(
    profile: Profile, client: httpx.AsyncClient
) -> None:
    contract = {"contract": "A-1", "change": "renewed", "ends_at": minute(99)}
    complaint = {"category": "delivery", "reference": "K-1"}
    events = [
        profile.details(ANN, at=1, account_manager="am-07"),
        profile.touchpoint(ANN, minutes=2, type=ContractChanged.type, body=contract),
        profile.touchpoint(ANN, minutes=3, type=ComplaintRaised.type, body=complaint),
    ]
    await profile.hear([*events, *events[1:]])
    listed = (await client.get("/v1/reminders", params={"account_manager": "am-07"})).json()
    assert [(r["customer"], r["cause"], r["reference"]) for r in listed["reminders"]] == [
        (NUMBER, "contract_changed", "A-1"),
        (NUMBER, "complaint_raised", "K-1"),
    ]
    [contract_on_record] = (await record(client))["contracts"]
    assert (contract_on_record["contract"], contract_on_record["change"]) == ("A-1", "renewed")

    first = listed["reminders"][0]["reminder"]
    path = f"/v1/customers/{NUMBER}/reminders/{first}/looked-at"
    assert (await client.post(path, headers=LI)).status_code == 200
    assert (await client.post(path, headers=LI)).status_code == 404
    shown = (await client.get(f"/v1/customers/{NUMBER}")).json()["reminders"]
    assert [one["reference"] for one in shown] == ["K-1"]

    changes = [s for s in await profile.said() if s.topic == CUSTOMER_CHANGES.name]
    words = [said.envelope.id.removeprefix(f"{NUMBER}-") for said in changes]
    assert words == ["1-created", "2-record", "3-record", "4-reminded", "5-reminded", "6-looked-at"]
    assert json.loads(changes[3].value)["account_manager"] == "am-07"


# -- search


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        pytest.param({"name": "ANN  Example"}, ["ann"], id="a name, in any case"),
        pytest.param({"name": "Anna"}, [], id="a name that she no longer has"),
        pytest.param({"region": "SG"}, ["ann", "bob"], id="a region"),
        pytest.param({"region": "SG", "preferences": "jazz"}, ["ann"], id="all of it"),
        pytest.param({"special_care": "贵宾"}, ["bob"], id="a tag, as it is spelt elsewhere"),
    ],
)
async def test_customers_are_found_by_what_stands_on_their_records(
    profile: Profile, client: httpx.AsyncClient, fields: dict[str, str], found: list[str]
) -> None:
    bob = "phone:13933334444"
    numbers = {customer_number(ref(ANN)): "ann", customer_number(ref(bob)): "bob"}
    await profile.hear(
        [
            profile.details(ANN, at=1, personal={"name": "Anna"}, region="SG"),
            profile.details(ANN, at=2, personal={"name": "Ann Example"}, preferences=["jazz"]),
            profile.details(bob, at=3, region="SG", special_care=["vip"]),
        ]
    )
    answer = await client.post("/v1/customers/search", json={"fields": fields})
    assert answer.status_code == 200, answer.text
    shown = [numbers[one["customer"]] for one in answer.json()["customers"]]
    assert sorted(shown) == found
    assert "Example" not in answer.text


async def test_a_search_goes_on_page_by_page(profile: Profile, client: httpx.AsyncClient) -> None:
    people = [f"phone:139{n:08d}" for n in range(5)]
    await profile.hear([profile.details(one, at=n, region="SG") for n, one in enumerate(people)])
    asked: dict[str, Any] = {"fields": {"region": "SG"}, "limit": 2}
    seen = []
    while True:
        answer = (await client.post("/v1/customers/search", json=asked)).json()
        seen += [one["customer"] for one in answer["customers"]]
        if answer["next"] is None:
            break
        asked["after"] = answer["next"]
    assert seen == sorted(customer_number(ref(one)) for one in people)


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"shoe_size": "42"}, "no field"), ({"birthday": "soon"}, "not a date"), ({}, "")],
)
async def test_a_search_for_what_cannot_be_is_refused(
    client: httpx.AsyncClient, fields: dict[str, str], words: str
) -> None:
    answer = await client.post("/v1/customers/search", json={"fields": fields})
    assert (answer.status_code, words in answer.text) == (422, True)


# -- everything about one person


async def test_a_person_gets_everything_in_clear_and_the_audit_says_so(
    profile: Profile, client: httpx.AsyncClient
) -> None:
    await profile.hear(
        [
            profile.details(ANN, at=1, personal={"name": "Ann Example", "birthday": "soon"}),
            profile.touchpoint(ANN, ANNS_MAIL, minutes=2, channel="store", body={"store": "01"}),
        ]
    )
    path, why = f"/v1/customers/{NUMBER}/export", {"reason": "she asked by letter"}
    for headers, status in (({}, 401), (LI, 403)):
        assert (await client.post(path, json=why, headers=headers)).status_code == status
    answer = await client.post(path, json=why, headers=signed_in("supervisor"))
    assert answer.headers["cache-control"] == "no-store"
    everything = answer.json()
    assert everything["identities"] == {
        "email": ["ann@example.org"],
        "phone": ["+8613911112222"],
    }
    said = {one["field"]: (one["value"], one["stands"]) for one in everything["said"]}
    assert said == {"birthday": ("soon", False), "name": ("Ann Example", True)}
    assert [one["channel"] for one in everything["touchpoints"]] == ["store", "app"]
    async with profile.engine.connect() as connection:
        query = text("SELECT action, customer, outcome FROM protection.audit")
        assert [tuple(row) for row in await connection.execute(query)] == [
            ("customers.export", NUMBER, "done")
        ]
