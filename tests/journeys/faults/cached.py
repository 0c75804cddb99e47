"""What Valkey keeps is what the databases say: profile's hot cards, and what ingest has taken (I8).

All else there (rate limits, what the watch has seen of channels) is in no database and needs none.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import cast

import orjson
from redis.asyncio import Redis

from careline_cli.replay import Pipeline
from careline_ingest import window
from careline_profile import card_cache
from tests.journeys.faults.differences import unequal
from tests.journeys.faults.load import Loaded

CARDS_A_LOOK = 2
MOST_CARDS = 100
"""So many are looked at once more in the end."""
LONGEST_LOOK_SECONDS = 0.5
"""Events go on coming whether or not an agent gets a card."""


class Cards:
    """Agents who have customers on the line, so that Valkey keeps cards while faults strike."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._seen: deque[str] = deque(maxlen=MOST_CARDS)

    async def look(self, arrived: Iterable[Loaded]) -> None:
        """At the cards of some whose events are on their way; who gets none asks no further."""
        named = (identity for loaded in arrived for identity in loaded.event.identities)
        cards = islice((one.value for one in named if one.kind == "member_card"), CARDS_A_LOOK)
        self._seen += (asked := list(cards))
        looking = asyncio.gather(*map(self._card, asked), return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(looking, LONGEST_LOOK_SECONDS)

    async def stale(self, valkey_url: str, *, calm_for: float) -> list[str]:
        """Cards that Valkey keeps and that the database would give otherwise; Valkey is empty then.

        A kill between a commit and taking cards away leaves one for as long as a card is kept: what
        is older than the last fault proves nothing.
        """
        for member_card in sorted(set(self._seen)):
            await self._card(member_card)
        async with Redis.from_url(valkey_url) as valkey:
            keys = [key async for key in valkey.scan_iter(match=f"{card_cache.PREFIX}*")]
            ages = {key: card_cache.KEPT_SECONDS - await valkey.ttl(key) for key in keys}
            kept = [(key, await valkey.get(key)) for key in keys if ages[key] < calm_for]
            await valkey.flushall()
        problems = [] if kept else ["Valkey keeps no card that could be compared"]
        for key, value in kept:
            number = key.decode().removeprefix(card_cache.PREFIX)
            card = orjson.loads(cast(bytes, value or b"{}").rpartition(b"\n")[2])
            rebuilt = await self._pipeline.get("profile", f"/v1/customers/{number}")
            problems += unequal(f"card {number}", rebuilt, card)
        return problems

    async def _card(self, member_card: str) -> None:
        await self._pipeline.get("profile", f"/v1/customers?identity=member_card:{member_card}")


async def taken(valkey_url: str) -> set[str]:
    """The events that ingest would call duplicates, as inboxes name them."""
    async with Redis.from_url(valkey_url) as valkey:
        keys = [key async for key in valkey.scan_iter(match=f"{window.PREFIX}:*")]
        return {cast(bytes, event).hex() for key in keys for event in await valkey.smembers(key)}
