"""A protected read: who sees what of Ann, with which code, and what is written down of it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pyotp
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from careline_contracts.events.profile import AccessWithdrawn
from careline_contracts.topics import WITHDRAWALS
from careline_profile.protection import api, store
from careline_profile.protection.audit import flaws
from careline_profile.protection.reading import SEALED_REASON, Protection, reason_digest
from careline_profile.rules import customer_number
from careline_runtime.access.policy import Role, load_access_policy
from careline_runtime.settings import ServiceSettings
from tests.profile.by_hand import KEYRING, Profile, in_force, ref
from tests.runtime.signed_in import api_in_test, signed_in

pytestmark = pytest.mark.stack

PHONE = "phone:13912345670"
ANN = customer_number(ref(PHONE))
PATH = f"/v1/customers/{ANN}/protected"
CALL = "she asked on the line, ticket T-17"


@pytest.fixture
async def http(profile: Profile) -> AsyncIterator[httpx.AsyncClient]:
    """Profile's protected routes, with Ann on record."""
    await profile.hear([profile.touchpoint(PHONE, "id_number:110101199003070097")])
    protection = Protection(KEYRING, load_access_policy(ServiceSettings()).policy, in_force)
    work = profile.stage.unit
    routes = api.router(profile.engine.connect, work, protection, KEYRING)
    transport = httpx.ASGITransport(app=api_in_test(routes, api.staff_router(work, protection)))
    async with httpx.AsyncClient(transport=transport, base_url="http://profile") as client:
        yield client


async def look(
    http: httpx.AsyncClient, role: Role = "agent", path: str = PATH, **look: Any
) -> httpx.Response:
    return await http.post(path, json={"reason": CALL, **look}, headers=signed_in(role, "sue"))


async def entries(profile: Profile) -> list[store.Kept]:
    async with profile.engine.connect() as connection:
        return await store.entries(connection, after=0, limit=100)


async def enrolled(http: httpx.AsyncClient) -> pyotp.TOTP:
    answer = await http.post("/v1/second-factor", json={}, headers=signed_in("supervisor", "sue"))
    return pyotp.TOTP(answer.json()["secret"])


def now(codes: pyotp.TOTP) -> str:
    return codes.at(datetime.now(UTC))


async def test_an_agent_sees_the_phone_and_the_end_of_the_id(
    http: httpx.AsyncClient, profile: Profile
) -> None:
    answer = await look(http)

    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "customer": ANN,
        "requested": ANN,
        "audit": 1,
        "fields": {
            "phone": {"view": "clear", "values": ["+8613912345670"], "needs_code": False},
            "id_number": {"view": "masked", "values": ["*" * 14 + "0097"], "needs_code": False},
        },
    }
    [kept] = await entries(profile)
    assert kept.entry.deed.fields == ("id_number:masked", "phone:clear")
    assert (kept.entry.deed.subject, kept.entry.deed.customer) == ("sue", ANN)


async def test_a_supervisor_sees_the_id_with_a_code_and_only_once_with_each(
    http: httpx.AsyncClient, profile: Profile
) -> None:
    without = (await look(http, "supervisor", fields=["id_number"])).json()["fields"]["id_number"]
    assert (without["view"], without["needs_code"]) == ("masked", True)

    code = now(await enrolled(http))
    seen = (await look(http, "supervisor", fields=["id_number"], code=code)).json()["fields"]
    assert seen["id_number"]["values"] == ["110101199003070097"]

    again = await look(http, "supervisor", fields=["id_number"], code=code)
    assert again.status_code == 403
    assert "was used already" in again.text
    outcomes = [kept.entry.deed.outcome for kept in await entries(profile)]
    assert outcomes == ["done", "done", "done", "the code was used already"]


async def test_personal_fields_of_the_record_are_protected_like_identities(
    http: httpx.AsyncClient, profile: Profile
) -> None:
    said = {"name": "王小明", "cooperation": "since 2019"}
    await profile.hear([profile.details(PHONE, personal=said, at=9)])
    seen = (await look(http)).json()["fields"]

    assert (seen["name"]["view"], seen["name"]["values"]) == ("clear", ["王小明"])
    # no rule names it, so the one for all others holds
    assert (seen["cooperation"]["view"], seen["cooperation"]["values"]) == ("masked", ["***"])


@pytest.mark.parametrize(
    ("role", "fields"),
    [
        pytest.param("agent", ["shoe_size"], id="a field that she doesn't have"),
        pytest.param("supervisor", ["email"], id="nor an e-mail"),
    ],
)
async def test_what_is_not_there_has_no_values(
    http: httpx.AsyncClient, role: Role, fields: list[str]
) -> None:
    [seen] = (await look(http, role, fields=fields)).json()["fields"].values()

    assert seen["values"] == []


@pytest.mark.parametrize(
    ("role", "path", "body", "status", "words"),
    [
        pytest.param("ops", PATH, {}, 403, "not allowed", id="operations"),
        pytest.param("admin", PATH, {}, 403, "not allowed", id="administrators"),
        pytest.param("agent", PATH, {"reason": " x "}, 422, "at least 5", id="no reason"),
        pytest.param("agent", PATH, {"code": "12 345"}, 422, "code", id="no code"),
        pytest.param("agent", PATH, {"code": "123456"}, 403, "no second factor", id="not enrolled"),
        pytest.param(
            "agent", "/v1/customers/C00000000000Z/protected", {}, 404, "no customer", id="nobody"
        ),
    ],
)
async def test_who_is_shown_nothing_is_told_why(
    http: httpx.AsyncClient, role: Role, path: str, body: Any, status: int, words: str
) -> None:
    answer = await look(http, role, path, **body)

    assert answer.status_code == status
    assert words in answer.text
    assert "39123456" not in answer.text


async def test_a_second_factor_that_works_is_changed_by_its_code_or_reset_by_an_admin(
    http: httpx.AsyncClient,
) -> None:
    codes = await enrolled(http)
    codes = await enrolled(http)  # never used: begun anew
    await look(http, "supervisor", code=now(codes))
    headers = signed_in("supervisor", "sue")
    refused = await http.post("/v1/second-factor", json={}, headers=headers)
    assert refused.status_code == 403

    path, why = "/v1/second-factors/sue/reset", {"reason": "telephone lost"}
    assert (await http.post(path, json=why, headers=headers)).status_code == 403
    admin = signed_in("admin", "root")
    assert (await http.post(path, json=why, headers=admin)).status_code == 204
    assert (await http.post(path, json=why, headers=admin)).status_code == 404
    assert (await http.post("/v1/second-factor", json={}, headers=headers)).status_code == 200


async def test_an_admin_takes_access_away_and_everybody_hears_of_it(
    http: httpx.AsyncClient, profile: Profile
) -> None:
    path, lost = "/v1/access-withdrawals", {"subject": "sue", "reason": "telephone stolen"}
    answer = await http.post(path, json=lost, headers=signed_in("supervisor"))
    assert answer.status_code == 403
    answer = await http.post(path, json=lost, headers=signed_in("admin", "root"))
    assert answer.status_code == 200

    [said] = [record for record in await profile.said() if record.topic == WITHDRAWALS.name]
    assert said.key == "sue"
    withdrawn = AccessWithdrawn.parse(said.value)
    assert withdrawn.model_dump(mode="json") == {"subject": "sue", **answer.json()}
    [kept] = await entries(profile)
    deed = kept.entry.deed
    assert (deed.subject, deed.action, deed.customer) == ("root", "access.withdraw", "sue")


async def test_the_audit_names_who_what_whose_why_and_no_value(http: httpx.AsyncClient) -> None:
    await look(http)
    answer = await http.get("/v1/audit", headers=signed_in("auditor"))

    [entry] = answer.json()["entries"]
    assert (entry["subject"], entry["reason"], entry["customer"]) == ("sue", CALL, ANN)
    assert "39123456" not in answer.text
    assert (await http.get("/v1/audit", headers=signed_in("agent"))).status_code == 403


async def test_the_chain_holds_and_its_heads_are_published(
    http: httpx.AsyncClient, profile: Profile
) -> None:
    for _ in range(3):
        await look(http)
    kept = await entries(profile)
    said = [s for s in await profile.said() if s.topic == "careline.audit.v1"]

    assert [*flaws([one.entry for one in kept], {})] == []
    assert [one.entry.hash in s.value.decode() for one, s in zip(kept, said, strict=True)] == [
        True,
        True,
        True,
    ]
    for entry, sealed in kept:
        assert sealed is not None and CALL not in sealed
        reason = KEYRING.open(SEALED_REASON, sealed)
        assert entry.reason_digest == reason_digest(KEYRING, entry.sequence, reason)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE protection.audit SET subject = 'bob'",
        "DELETE FROM protection.audit",
        "TRUNCATE protection.audit",
    ],
)
async def test_not_even_the_databases_superuser_changes_the_audit_by_mistake(
    http: httpx.AsyncClient, profile: Profile, statement: str
) -> None:
    await look(http)

    with pytest.raises(DBAPIError, match="only added to"):
        async with profile.engine.begin() as connection:
            await connection.execute(text(statement))
