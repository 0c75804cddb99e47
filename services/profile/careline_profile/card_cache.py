"""Hot cards: a customer's card in Valkey, for the agent who has the person on the line.

A card goes as soon as anything is committed about its customer, and is a minute old at most. Two
things make that so. Whoever commits takes the cards away of all customers that something was said
about, and moves a counter; and a card that was read at an older count, so perhaps before the
commit, is not kept. Without Valkey, or with an empty one, the database answers. What could not be
taken away, because Valkey did not answer just then, is tried again; until it is gone, whoever knows
of it believes no card that is kept.

A card names the policy that made it: under another one it counts as missing. It does so inside, not
in its key, for whoever commits doesn't know which policies other instances have heard of.

Which number an identity led to is kept, too, and never believed: the card, which is as true as
above, says whether it has the identity. If not, the database is asked.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import cast

from careline_contracts.envelope import Record
from careline_contracts.topics import ACTIVITIES, CUSTOMER_CHANGES, CUSTOMERS
from careline_profile.card import CustomerView
from careline_profile.model import Ref
from careline_runtime.unit_of_work import Unit
from careline_runtime.valkey import Valkey

TIMEOUT_MILLISECONDS = 20
"""More than the database takes would be no help."""
PAUSE_SECONDS = 5.0
TAKING_AWAY_AGAIN_SECONDS = 1.0
KEPT_SECONDS = 60
"""What a crash between a commit and taking cards away can leave, at most."""
PREFIX = "careline:profile:card:"
NAME_PREFIX = "careline:profile:number:"
COUNTER = "careline:profile:commits"
ABOUT_CUSTOMERS = frozenset({ACTIVITIES.name, CUSTOMERS.name, CUSTOMER_CHANGES.name})

_KEEP = """
if (redis.call('GET', KEYS[1]) or '0') == ARGV[1] then
  redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[3])
end
"""

Read = Callable[[], Awaitable[CustomerView | None]]
ReadNumber = Callable[[str], Awaitable[CustomerView | None]]
Find = Callable[[], Awaitable[str | None]]


class CardCache:
    """Cards as JSON, by customer number; `policy_version` tells which policy is in force."""

    def __init__(self, valkey: Valkey, policy_version: Callable[[], str]) -> None:
        self._valkey, self._policy_version = valkey, policy_version
        self._keep = valkey.client.register_script(_KEEP)
        self._changed: dict[str, float] = {}
        """Whose cards are to go, and since when."""
        self._has_failed = False
        """Some of them were to go before, and may still be there."""
        self._closing = False
        self._forgetting: asyncio.Task[None] | None = None

    async def card(self, number: str, read: Read) -> str | None:
        """The card of a customer, as it is kept or as `read` gives it."""
        key, version = PREFIX + number, self._policy_version()
        kept = None
        if not self._has_failed:
            kept = await self._valkey.attempt(lambda: self._valkey.client.mget(key, COUNTER))
        if kept and kept[0] is not None:
            made_by, card = _taken_apart(cast(bytes, kept[0]).decode())
            if made_by == version:
                return card
        customer = await read()
        if customer is None:
            return None
        card = customer.model_dump_json()
        # an absorbed number's card would have to go whenever its customer's does; and which of
        # two policies made a card while the one followed the other, nobody can say
        if kept and customer.merged_into is None and version == self._policy_version():
            arguments = [kept[1] or b"0", _put_together(version, card), KEPT_SECONDS]
            await self._valkey.attempt(lambda: self._keep(keys=[COUNTER, key], args=arguments))
        return card

    async def card_with(self, ref: Ref, find: Find, read: ReadNumber) -> str | None:
        """The card of the customer with an identity; `find` gives the number, `read` the card."""
        key = NAME_PREFIX + ref
        kept = await self._valkey.attempt(lambda: self._valkey.client.get(key))
        if kept:
            number = cast(bytes, kept).decode()
            card = await self.card(number, partial(read, number))
            if card is not None and _is_of(card, ref):
                return card
        found = await find()
        if found is None:
            return None
        card = await self.card(found, partial(read, found))
        if card is not None and _is_of(card, ref):
            await self._valkey.attempt(lambda: self._valkey.client.set(key, found, ex=KEPT_SECONDS))
        return card

    def committed(self, unit: Unit) -> None:
        """Takes away the cards that a unit has made old: at once, without letting it wait."""
        self._changed |= dict.fromkeys(customers_in(unit.said), time.monotonic())
        if self._changed and (self._forgetting is None or self._forgetting.done()):
            self._forgetting = asyncio.create_task(self._forget())

    async def close(self) -> None:
        """Finishes taking away what is to go, if Valkey answers."""
        self._closing = True
        if self._forgetting is not None:
            await self._forgetting
        await self._valkey.close()

    async def _forget(self) -> None:
        while self._changed:
            changed, self._changed = self._changed, {}
            if await self._take_away(changed):
                continue
            if self._closing:
                return
            self._has_failed = True
            # older ones have gone by themselves
            oldest = time.monotonic() - KEPT_SECONDS
            again = {**changed, **self._changed}
            self._changed = {number: at for number, at in again.items() if at > oldest}
            await asyncio.sleep(TAKING_AWAY_AGAIN_SECONDS)
        self._has_failed = False

    async def _take_away(self, numbers: Iterable[str]) -> bool:
        pipeline = self._valkey.client.pipeline(transaction=True)
        pipeline.incr(COUNTER)
        pipeline.unlink(*(PREFIX + number for number in numbers))
        return await self._valkey.attempt(pipeline.execute) is not None


def _put_together(version: str, card: str) -> str:
    return f"{version}\n{card}"


def _taken_apart(kept: str) -> tuple[str, str]:
    """The version of the policy, which may be of several lines, and the card, which is of one."""
    version, _, card = kept.rpartition("\n")
    return version, card


def _is_of(card: str, ref: Ref) -> bool:
    """Whether a card is what an identity, whose token nobody can guess, leads to now.

    The card of an absorbed number has the identity, too, but names another number.
    """
    return f'"identity":"{ref}"' in card and '"merged_into":null' in card


def customers_in(said: Iterable[Record]) -> set[str]:
    """The customers that something is said about: whatever changes one says so."""
    return {str(record.key) for record in said if record.topic in ABOUT_CUSTOMERS}
