"""A hot card is never from before a commit, and nobody needs Valkey for an answer."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from functools import partial

import pytest

from careline_localstack import LocalStack
from careline_profile import card_cache
from careline_profile.card import CustomerView
from careline_profile.card_cache import NAME_PREFIX, CardCache
from careline_profile.rules import customer_number
from careline_runtime.unit_of_work import Unit
from careline_runtime.valkey import Valkey
from tests.profile.by_hand import Profile, ref
from tests.waiting import until

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
    return Valkey(url, timeout_milliseconds=10_000, pause_seconds=5)


def shipped() -> str:
    """The policy that the tests' profile decides by."""
    return "shipped"


@pytest.fixture
async def cache(stack: LocalStack) -> AsyncIterator[CardCache]:
    valkey = connection(stack.endpoints.valkey)
    await valkey.client.flushdb()
    cache = CardCache(valkey, shipped)
    yield cache
    await cache.close()


@pytest.fixture
async def reader(profile: Profile) -> Reader:
    await profile.hear([profile.touchpoint(ANN, minutes=1)])
    return Reader(profile)


async def commit(profile: Profile, cache: CardCache, *identities: str, minute: int) -> None:
    """A touchpoint is handled, its unit commits, and the cards that it made old are gone."""
    await handle(profile, cache, *identities, minute=minute)
    assert cache._forgetting is not None
    await cache._forgetting


async def handle(profile: Profile, cache: CardCache, *identities: str, minute: int) -> None:
    """The same, while the cards may be there still."""
    await profile.hear([profile.touchpoint(*identities, minutes=minute)])
    async with profile.engine.connect() as connection:
        unit = Unit(connection, service="profile")
        unit._records = [r for r in await profile.records() if not r.topic.endswith("letters.v1")]
        cache.committed(unit)


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


async def test_what_valkey_could_not_take_away_goes_as_soon_as_it_answers(
    stack: LocalStack,
    profile: Profile,
    cache: CardCache,
    reader: Reader,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(card_cache, "TAKING_AWAY_AGAIN_SECONDS", 0.05)
    elsewhere = CardCache(connection(stack.endpoints.valkey), shipped)
    assert await touchpoints(cache, reader) == 1

    # as after an answer that did not come in time
    cache._valkey._closed_until = time.monotonic() + 0.2
    await commit(profile, cache, ANN, minute=2)

    assert await touchpoints(cache, reader) == 2
    assert await touchpoints(elsewhere, reader) == 2
    await elsewhere.close()


async def test_whoever_knows_that_a_card_is_old_does_not_believe_it(
    profile: Profile, cache: CardCache, reader: Reader
) -> None:
    assert await touchpoints(cache, reader) == 1
    cache._valkey._closed_until = time.monotonic() + 60

    async def has_failed() -> bool:
        return cache._has_failed

    committing = asyncio.create_task(commit(profile, cache, ANN, minute=2))
    await until(has_failed)
    cache._valkey._closed_until = 0

    assert await touchpoints(cache, reader) == 2
    await committing


class PolicyInForce:
    """Another one follows at some time."""

    version = "former"

    def __call__(self) -> str:
        return self.version


async def test_a_card_that_another_policy_made_counts_as_missing(
    cache: CardCache, reader: Reader
) -> None:
    in_force = PolicyInForce()
    following = CardCache(cache._valkey, in_force)
    for version in ("former", "latter, of\ntwo lines"):
        in_force.version, reader.count = version, 0
        assert [await touchpoints(following, reader) for _ in range(2)] == [1, 1]
        assert reader.count == 1, "read anew, once"


async def test_a_card_of_any_policy_is_gone_with_a_commit(
    profile: Profile, cache: CardCache, reader: Reader
) -> None:
    ahead = CardCache(cache._valkey, lambda: "coming")
    assert await touchpoints(ahead, reader) == 1
    await commit(profile, cache, ANN, minute=2)
    assert await touchpoints(ahead, reader) == 2


async def test_a_card_is_not_kept_when_a_policy_took_effect_while_it_was_read(
    cache: CardCache, reader: Reader
) -> None:
    in_force = PolicyInForce()
    following = CardCache(cache._valkey, in_force)

    async def read_slowly() -> CustomerView | None:
        in_force.version = "latter"
        return await reader()

    await following.card(NUMBER, read_slowly)
    in_force.version = "former"
    await touchpoints(following, reader)
    assert reader.count == 2


async def test_with_an_empty_valkey_the_database_answers(cache: CardCache, reader: Reader) -> None:
    assert await touchpoints(cache, reader) == 1
    await cache._valkey.client.flushdb()
    assert await touchpoints(cache, reader) == 1
    assert reader.count == 2


async def test_without_valkey_the_database_answers(profile: Profile, reader: Reader) -> None:
    nowhere = CardCache(connection(NOBODY), shipped)
    assert await touchpoints(nowhere, reader) == 1
    await handle(profile, nowhere, ANN, minute=2)
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


class ByIdentity:
    """Asks for a card by an identity, and counts what the database is asked."""

    def __init__(self, profile: Profile, cache: CardCache) -> None:
        self.cards, self.cache, self.asked = profile.cards, cache, 0

    async def customer(self, identity: str) -> str | None:
        card = await self.cache.card_with(ref(identity), partial(self.find, identity), self.read)
        if card is None:
            return None
        shown = json.loads(card)
        assert (shown["requested"], shown["merged_into"]) == (shown["customer"], None)
        return str(shown["customer"])

    async def find(self, identity: str) -> str | None:
        self.asked += 1
        return await self.cards.number_of(ref(identity))

    async def read(self, number: str) -> CustomerView | None:
        self.asked += 1
        return await self.cards.customer(number)


async def test_a_card_is_found_by_any_identity_without_the_database(
    profile: Profile, cache: CardCache
) -> None:
    await profile.hear([profile.touchpoint(ANN, ANNS_MAIL, minutes=1)])
    who = ByIdentity(profile, cache)
    for identity in (ANN, ANNS_MAIL) * 3:
        assert await who.customer(identity) == NUMBER
    assert who.asked == 3, "the numbers of both, and one card"
    await cache._valkey.client.flushdb()
    assert await who.customer(ANN) == NUMBER


async def test_the_number_that_an_identity_led_to_is_never_believed(
    profile: Profile, cache: CardCache
) -> None:
    """It was kept before a merge, a split, or by whoever missed both: the card knows better."""
    bob = "app_user:bob"
    await profile.hear([profile.touchpoint(ANN, minutes=1), profile.touchpoint(bob, minutes=2)])
    who = ByIdentity(profile, cache)
    assert await who.customer(bob) == customer_number(ref(bob))
    await commit(profile, cache, ANN, bob, minute=3)
    assert await who.customer(bob) == NUMBER, "merged"
    for lie in (customer_number(ref("app_user:nobody")), "not even a number"):
        await cache._valkey.client.set(NAME_PREFIX + ref(bob), lie)
        assert await who.customer(bob) == NUMBER
    assert await who.customer("app_user:nobody") is None


async def test_without_valkey_the_database_finds_the_customer_with_an_identity(
    profile: Profile, reader: Reader
) -> None:
    nowhere = CardCache(connection(NOBODY), shipped)
    who = ByIdentity(profile, nowhere)
    assert [await who.customer(ANN) for _ in range(2)] == [NUMBER, NUMBER]
    assert who.asked == 4
    await nowhere.close()
