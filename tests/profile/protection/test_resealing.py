"""After a rotation everything is sealed anew, in several goes, and opens without the old key."""

import base64

import pytest
from sqlalchemy import text

from careline_profile.protection import resealing
from careline_profile.protection.audit import Deed
from careline_profile.protection.reading import Protection
from careline_profile.protection.resealing import PLACES, left_under, reseal
from careline_profile.record.editing import REASON
from careline_profile.reviews.deciding import VERDICT_REASON
from careline_runtime.access.policy import load_access_policy
from careline_runtime.keyring import CannotOpen, KeyFile, Keyring
from careline_runtime.settings import ServiceSettings
from tests.profile.by_hand import KEYRING, Profile, in_force, ref

pytestmark = pytest.mark.stack

OLD, NEW = base64.b64encode(b"s" * 32), base64.b64encode(b"n" * 32)
CUSTOMERS = 400


def keyring(**seal_keys: bytes) -> Keyring:
    content = {
        "token_key": base64.b64encode(b"t" * 32),
        "seal_keys": seal_keys,
        "current_seal_key": [*seal_keys][-1],
    }
    return Keyring(KeyFile.model_validate(content))


BOTH, NEW_ONLY = keyring(k1=OLD, k2=NEW), keyring(k2=NEW)


@pytest.fixture
async def people(profile: Profile) -> Profile:
    """Four hundred people with names, one birthday that is none, one verdict, one entry in
    the audit."""
    await profile.hear(
        [
            profile.details(f"member_card:{n}", personal={"name": f"Person {n}"}, at=n)
            for n in range(1, CUSTOMERS + 1)
        ]
        + [profile.details("member_card:1", personal={"birthday": "soon"}, at=CUSTOMERS + 1)]
    )
    async with profile.engine.begin() as connection:
        why = {"ref": ref("member_card:1"), "sealed": KEYRING.seal(REASON, "she said so")}
        await connection.execute(text("UPDATE facts SET reason = :sealed WHERE ref = :ref"), why)
        await connection.execute(
            text("INSERT INTO verdicts VALUES ('a', 'b', now(), false, '{}', 'ann', :sealed)"),
            {"sealed": KEYRING.seal(VERDICT_REASON, "two sisters")},
        )
    protection = Protection(KEYRING, load_access_policy(ServiceSettings()).policy, in_force)
    async with profile.stage.unit() as unit:
        await protection.note(unit, Deed("ann", ("agent",), "fields.read", "C1"), "she asked")
    return profile


async def opened(profile: Profile, ring: Keyring) -> list[str]:
    """Every sealed value there is; raises `CannotOpen`."""
    found = []
    async with profile.engine.connect() as connection:
        for place in PLACES:
            columns = f"{place.field}, {place.column}"
            query = f"SELECT {columns} FROM {place.table} WHERE {place.where}"  # noqa: S608
            for field, sealed in await connection.execute(text(query)):
                found.append(ring.open(field, sealed))
    return sorted(found)


async def left(profile: Profile) -> dict[str, int]:
    async with profile.engine.connect() as connection:
        return await left_under(connection, "k1")


async def test_what_was_begun_by_somebody_who_was_killed_is_finished_by_another(
    people: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resealing, "PAGES_A_STEP", 1)
    before = await opened(people, KEYRING)
    assert await left(people) == {
        "identities": CUSTOMERS,
        "facts": CUSTOMERS + 3,
        "verdicts": 1,
        "protection.reasons": 1,
    }
    async for _ in reseal(people.engine, BOTH):
        break  # kill -9 after the first step
    assert 0 < (await left(people))["identities"] < CUSTOMERS

    async for _ in reseal(people.engine, BOTH):
        pass
    assert await left(people) == {}
    assert await opened(people, NEW_ONLY) == before


async def test_a_second_go_finds_nothing_and_changes_nothing(people: Profile) -> None:
    first = [step.resealed async for step in reseal(people.engine, BOTH)]
    again = [step.resealed async for step in reseal(people.engine, BOTH)]

    assert sum(first) == 2 * CUSTOMERS + 5
    assert sum(again) == 0


async def test_without_the_old_key_nothing_is_lost_but_said(people: Profile) -> None:
    with pytest.raises(CannotOpen, match="k1"):
        async for _ in reseal(people.engine, NEW_ONLY):
            pass

    assert await opened(people, KEYRING)


async def test_what_is_heard_meanwhile_is_kept(people: Profile) -> None:
    async for _ in reseal(people.engine, BOTH):
        await people.hear([people.details("member_card:7", personal={"name": "Anew"}, at=500)])

    assert "Anew" in await opened(people, BOTH)
