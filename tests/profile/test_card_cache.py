"""A hot card is never from before a commit, and nobody needs Valkey for an answer."""

import json
from collections.abc import AsyncIterator

import pytest

from careline_localstack import LocalStack
from careline_profile.card import CustomerView
from careline_profile.card_cache import CardCache
from careline_profile.rules import customer_number
from careline_profile.testing import Profile, ref
from careline_runtime.unit_of_work import Unit
from careline_runtime.valkey import Valkey

pytestmark = pytest.mark.stack

ANN, ANNS_MAIL = "phone:13911112222", "email:ann@example.org"
NUMBER = customer_number(ref(ANN))
NOBODY = "redis://127.0.0.1:1/0"


class Reader:
    """Reads cards from the database, and counts how often."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.count = 0

    async def __call__(self) -> CustomerView | None:
        self.count += 1
        return await self.profile.cards.customer(NUMBER)


def connection(url: str) -> Valkey:
    return Valkey(url, timeout_milliseconds=500, pause_seconds=5)


@pytest.fixture
async def cache(stack: LocalStack) -> AsyncIterator[CardCache]:
    valkey = connection(stack.endpoints.valkey)
    await valkey.client.flushdb()
    cache = CardCache(valkey)
    yield cache
    await cache.close()


@pytest.fixture
async def reader(profile: Profile) -> Reader:
    await profile.hear([profile.touchpoint(ANN, minutes=1)])
    return Reader(profile)


async def commit(profile: Profile, cache: CardCache, *identities: str, minute: int) -> None:
    """A touchpoint is handled, and its unit commits."""
    await profile.hear([profile.touchpoint(*identities, minutes=minute)])
    async with profile.engine.connect() as connection:
        unit = Unit(connection, service="profile")
        unit._records = [r for r in await profile.records() if not r.topic.endswith("letters.v1")]
        cache.committed(unit)
    assert cache._forgetting is not None
    await cache._forgetting


async def touchpoints(cache: CardCache, reader: Reader) -> int:
    card = await cache.card(NUMBER, reader)
    assert card is not None
    return sum(json.loads(card)["touchpoints"].values())


async def test_a_card_is_read_once_until_something_is_committed_about_its_customer(
    profile: Profile, cache: CardCache, reader: Reader
) -> None:
    assert [await touchpoints(cache, reader) for _ in range(3)] == [1, 1, 1]
    assert reader.count == 1
    await commit(profile, cache, ANN, minute=2)
    assert [await touchpoints(cache, reader) for _ in range(3)] == [2, 2, 2]
    assert reader.count == 2


async def test_a_card_that_was_read_before_a_commit_is_not_kept_after_it(
    profile: Profile, cache: CardCache, reader: Reader
) -> None:
    async def read_slowly() -> CustomerView | None:
        before = await reader()
        await commit(profile, cache, ANN, minute=2)
        return before

    await cache.card(NUMBER, read_slowly)
    assert await touchpoints(cache, reader) == 2


async def test_with_an_empty_valkey_the_database_answers(cache: CardCache, reader: Reader) -> None:
    assert await touchpoints(cache, reader) == 1
    await cache._valkey.client.flushdb()
    assert await touchpoints(cache, reader) == 1
    assert reader.count == 2


async def test_without_valkey_the_database_answers(profile: Profile, reader: Reader) -> None:
    nowhere = CardCache(connection(NOBODY))
    assert await touchpoints(nowhere, reader) == 1
    await commit(profile, nowhere, ANN, minute=2)
    assert await touchpoints(nowhere, reader) == 2
    await nowhere.close()


async def test_an_absorbed_numbers_card_is_not_kept(
    profile: Profile, cache: CardCache, reader: Reader
) -> None:
    mail_number = customer_number(ref(ANNS_MAIL))
    await profile.hear([profile.touchpoint(ANNS_MAIL, minutes=2)])
    await commit(profile, cache, ANN, ANNS_MAIL, minute=3)
    read = [0]

    async def absorbed() -> CustomerView | None:
        read[0] += 1
        return await profile.cards.customer(mail_number)

    for _ in range(2):
        card = json.loads(await cache.card(mail_number, absorbed) or "{}")
        assert card["merged_into"] == NUMBER
    assert read == [2]
