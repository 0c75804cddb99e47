"""Ann asks to be forgotten: nothing of her stays or comes back, and nobody else is touched."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import httpx
import pytest
from aiokafka import ConsumerRecord
from sqlalchemy import event as sqlalchemy_event

from careline_contracts.events.profile import CustomerErased, ErasureAnswered, ErasureOrdered
from careline_contracts.topics import (
    ACTIVITIES,
    CATALOGUE,
    CUSTOMERS,
    ERASURE_ANSWERS,
    ERASURES,
)
from careline_profile import api
from careline_profile.erasure import api as erasure_api
from careline_profile.protection import api as protection_api
from careline_profile.protection.reading import Protection
from careline_profile.rules import customer_number
from careline_runtime.access.policy import load_access_policy
from careline_runtime.settings import ServiceSettings
from tests.profile.by_hand import KEYRING, MONDAY, Profile, fresh_profile, in_force, ref
from tests.runtime.by_hand import tables_naming
from tests.runtime.signed_in import api_in_test, signed_in

pytestmark = pytest.mark.stack

PHONE, MAIL, BOBS = "phone:13911112222", "email:ann@example.org", "phone:13977778888"
ANN, ANN_TOO, BOB = (customer_number(ref(name)) for name in (PHONE, MAIL, BOBS))
NAMES = {ANN, ANN_TOO, ref(PHONE), ref(MAIL)}
NOON = MONDAY + timedelta(hours=3)
AFTER_NOON = 4 * 60
WHY = {"reason": "she asked by letter"}


@pytest.fixture
async def http(profile: Profile) -> AsyncIterator[httpx.AsyncClient]:
    """Ann under two numbers, with a name; Bob; it is noon."""
    await profile.hear(history(profile))
    async with client_of(profile) as client:
        yield client


def client_of(profile: Profile) -> httpx.AsyncClient:
    protection = Protection(KEYRING, load_access_policy(ServiceSettings()).policy, in_force)
    connect, work = profile.engine.connect, profile.stage.unit
    routes = (
        api.router(connect, profile.cards, KEYRING),
        protection_api.router(connect, work, protection, KEYRING),
        erasure_api.router(connect, work, lambda: NOON, protection, KEYRING),
    )
    transport = httpx.ASGITransport(app=api_in_test(*routes))
    return httpx.AsyncClient(transport=transport, base_url="http://profile")


def history(profile: Profile) -> list[ConsumerRecord]:
    return [
        profile.touchpoint(PHONE, minutes=1),
        profile.touchpoint(MAIL, minutes=2),
        profile.details(PHONE, MAIL, personal={"name": "Ann Example"}, at=3),
        profile.touchpoint(BOBS, minutes=4),
    ]


async def erase(http: httpx.AsyncClient, number: str = ANN_TOO) -> httpx.Response:
    path = f"/v1/customers/{number}/erasure"
    return await http.post(path, json=WHY, headers=signed_in("supervisor", "sue"))


async def test_nothing_of_ann_is_left_and_bob_is_untouched(
    http: httpx.AsyncClient, profile: Profile
) -> None:
    await http.post(
        f"/v1/customers/{ANN}/protected", json={"reason": "Ann called"}, headers=signed_in("agent")
    )
    bob_before = (await http.get(f"/v1/customers/{BOB}")).json()
    assert await tables_naming(profile.engine, NAMES)

    assert (await erase(http)).status_code == 202

    assert await tables_naming(profile.engine, NAMES) == set(), "why she was erased"
    for number in (ANN, ANN_TOO):
        assert (await http.get(f"/v1/customers/{number}")).status_code == 404
    assert (await http.get(f"/v1/customers?identity={PHONE}")).status_code == 404
    assert (await http.get(f"/v1/customers/{BOB}")).json() == bob_before
    audit = (await http.get("/v1/audit", headers=signed_in("auditor"))).json()["entries"]
    assert [(entry["action"], entry["reason"]) for entry in audit] == [
        ("fields.read", None),
        ("customer.erase", WHY["reason"]),
    ]


async def test_everybody_is_told_and_the_topic_forgets_each_number(
    http: httpx.AsyncClient, profile: Profile
) -> None:
    await erase(http)
    said = [s for s in await profile.said() if s.envelope.type == CustomerErased.type]
    gone = [(r.topic, r.key) for r in await profile.records() if r.value is None]

    assert [(s.topic, s.key) for s in said] == [
        (ACTIVITIES.name, ANN),
        ("careline.customer-changes.v1", ANN),
    ]
    person = CustomerErased.parse(said[0].value)
    assert {*person.numbers, *person.identities} == NAMES
    assert sorted(gone) == sorted((CUSTOMERS.name, number) for number in (ANN, ANN_TOO))


async def test_late_and_replayed_events_bring_nobody_back(
    http: httpx.AsyncClient, profile: Profile
) -> None:
    await erase(http)
    before = len(await profile.said())
    await profile.hear(
        [
            profile.touchpoint(PHONE, minutes=1, id="of before, heard late"),
            profile.touchpoint("member_card:7", MAIL, minutes=5, id="a card that nobody knew"),
            profile.touchpoint(PHONE, BOBS, minutes=6, id="together with Bob"),
        ]
    )

    assert await tables_naming(profile.engine, NAMES) == set()
    assert len(await profile.said()) == before
    assert (await http.get("/v1/customers?identity=member_card:7")).status_code == 404


async def test_who_comes_back_with_the_same_telephone_is_a_new_customer(
    http: httpx.AsyncClient, profile: Profile
) -> None:
    await erase(http)
    await profile.hear([profile.touchpoint(PHONE, minutes=AFTER_NOON)])
    again = (await http.get(f"/v1/customers?identity={PHONE}")).json()

    assert again["customer"] not in NAMES
    assert again["touchpoints"] == {"app": 1}
    assert await tables_naming(profile.engine, NAMES) == set()

    # and is erased again, and comes back again
    assert (await erase(http, again["customer"])).status_code == 202
    await profile.hear([profile.touchpoint(PHONE, minutes=AFTER_NOON, id="late again")])
    assert (await http.get(f"/v1/customers?identity={PHONE}")).status_code == 404
    await profile.hear([profile.touchpoint(PHONE, minutes=AFTER_NOON + 1)])
    third = (await http.get(f"/v1/customers?identity={PHONE}")).json()["customer"]
    assert third not in {*NAMES, again["customer"]}


async def test_asked_again_it_gives_the_same_receipt(
    http: httpx.AsyncClient, profile: Profile
) -> None:
    first = (await erase(http)).json()
    said = len(await profile.said())

    assert (await erase(http, ANN)).json() == first
    assert len(await profile.said()) == said
    assert (await erase(http, "C00000000000Z")).status_code == 404


async def test_the_receipt_lists_every_store_and_every_topic(
    http: httpx.AsyncClient, profile: Profile
) -> None:
    waiting = (await erase(http)).json()
    assert waiting["waiting_for"] == ["engagement", "profile", "scoring", "ticketing"]

    [own] = [s for s in await profile.said() if s.topic == ERASURE_ANSWERS.name]
    answer = ErasureAnswered.parse(own.value)
    for service in ("profile", "scoring", "engagement", "ticketing"):
        said = answer.model_copy(update={"service": service})
        envelope = own.envelope._replace(id=f"{service} answers")
        await profile.hear([profile.record(ERASURE_ANSWERS.name, envelope, said)])

    receipt = (await http.get(f"/v1/erasures/{ANN_TOO}")).json()
    assert receipt["complete"] and receipt["numbers"] == sorted({ANN, ANN_TOO})
    deleted = {s["store"]: s["deleted"] for s in receipt["stores"] if s["service"] == "profile"}
    assert deleted["identities"] == 2 and deleted["customers"] == 2 and deleted["facts"] == 1
    topics = {topic["topic"]: topic for topic in receipt["topics"]}
    assert set(topics) == {topic.name for topic in CATALOGUE if topic.personal != "none"}
    assert topics["careline.raw.phone.v1"]["holds"] == "clear"
    assert topics["careline.raw.phone.v1"]["gone_by"] == "2026-03-09T12:00:00Z"
    assert topics[CUSTOMERS.name]["tombstones"] == 2
    assert topics[ERASURES.name]["gone_by"] is None


@pytest.mark.parametrize("role", ["agent", "account_manager", "ops", "auditor"])
async def test_not_everybody_may_erase(http: httpx.AsyncClient, role: str) -> None:
    path = f"/v1/customers/{ANN}/erasure"
    answer = await http.post(path, json=WHY, headers=signed_in(role))  # type: ignore[arg-type]

    assert answer.status_code == 403
    assert (await http.get(f"/v1/customers/{ANN}")).status_code == 200


async def test_the_order_names_tokens_only(http: httpx.AsyncClient, profile: Profile) -> None:
    await erase(http)
    [said] = [s for s in await profile.said() if s.topic == ERASURES.name]

    assert set(ErasureOrdered.parse(said.value).identities) == {ref(PHONE), ref(MAIL)}
    assert b"13911112222" not in said.value and b"example.org" not in said.value


class Killed(Exception):
    """The database lost its client in the middle."""


@contextlib.contextmanager
def killed_at(profile: Profile, step: int) -> Iterator[None]:
    """The connection is gone before the statement number `step`, as after kill -9."""
    statements = count()

    def look(connection: Any, *_: Any) -> None:
        if next(statements) == step:
            connection.invalidate()
            raise Killed

    engine = profile.engine.sync_engine
    sqlalchemy_event.listen(engine, "before_cursor_execute", look)
    try:
        yield
    finally:
        sqlalchemy_event.remove(engine, "before_cursor_execute", look)


async def test_an_erasure_that_is_killed_at_any_step_is_whole_or_not_at_all(
    http: httpx.AsyncClient, profile: Profile, admin_url: str
) -> None:
    """Asked again it is carried out, with the receipt that it would have had at once."""
    async with fresh_profile(admin_url) as twin:
        await twin.hear(history(twin))
        async with client_of(twin) as asked_once:
            await erase(asked_once)
        expected = [r.value for r in await twin.records() if r.topic == ERASURE_ANSWERS.name]

    before = await tables_naming(profile.engine, NAMES)
    for step in count():
        with killed_at(profile, step):
            try:
                answer = await erase(http)
            except Killed:
                is_ordered = any(r.topic == ERASURES.name for r in await profile.records())
                left = set() if is_ordered else before
                assert await tables_naming(profile.engine, NAMES) == left
                continue
        break
    assert step > 20, "it was killed before each of its statements"
    assert answer.status_code == 202
    assert await tables_naming(profile.engine, NAMES) == set()
    answers = [r.value for r in await profile.records() if r.topic == ERASURE_ANSWERS.name]
    assert answers == expected
