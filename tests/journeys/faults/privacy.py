"""Finds personal data in clear (I9): the load's phone numbers and texts, which nothing else has."""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

from aiokafka import ConsumerRecord
from redis.asyncio import Redis

from careline_contracts.topics import DEAD_LETTERS, Topic
from tests.journeys.faults.load import PRIVATE_WORDS, phone_number

_NUMBERS_BEGIN = phone_number(0).strip("+0").encode()
_WORDS_BEGIN = PRIVATE_WORDS.encode()
# not a part of some longer number in hexadecimal
_PERSONAL = re.compile(rb"(?<![0-9a-f])%s\d{8}(?![0-9a-f])|%s" % (_NUMBERS_BEGIN, _WORDS_BEGIN))
_KEYS_AT_ONCE = 1_000


def personal(data: bytes) -> str:
    """The first personal datum in it; empty when there is none."""
    # two plain searches are ten times as fast as the pattern
    if _NUMBERS_BEGIN not in data and _WORDS_BEGIN not in data:
        return ""
    found = _PERSONAL.search(data)
    return found[0].decode() if found else ""


def personal_in(record: ConsumerRecord) -> str:
    """The same for all that a record holds."""
    headers = b"\n".join(value for _, value in record.headers)
    return personal(b"\n".join((record.key or b"", record.value or b"", headers)))


def may_be_clear(topic: Topic) -> bool:
    """What channels say, and ingest's dead letters, which keep what came."""
    return topic.owner == "channels" or topic is DEAD_LETTERS["ingest"]


def in_files(directory: Path) -> Iterator[str]:
    """Where a file below the directory holds personal data."""
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        if found := personal(path.read_bytes()):
            yield f"{path}: {found}"


async def in_valkey(url: str) -> AsyncIterator[str]:
    """Where Valkey holds personal data: ingest keeps sets there, profile texts."""
    async with Redis.from_url(url) as valkey:
        keys = [key async for key in valkey.scan_iter(count=_KEYS_AT_ONCE)]
        for first in range(0, len(keys), _KEYS_AT_ONCE):
            some = keys[first : first + _KEYS_AT_ONCE]
            for key, kept in zip(some, await _kept(valkey, some), strict=True):
                if found := personal(b"\n".join((key, *kept))):
                    yield f"Valkey {key!r}: {found}"


async def _kept(valkey: Redis, keys: Sequence[bytes]) -> list[set[bytes]]:
    """What each of these keys holds; nothing where it has expired meanwhile."""
    async with valkey.pipeline(transaction=False) as asking:
        for key in keys:
            asking.type(key)
        kinds = await asking.execute()
        for key, kind in zip(keys, kinds, strict=True):
            asking.smembers(key) if kind == b"set" else asking.get(key)
        found = await asking.execute()
    return [kept if isinstance(kept, set) else {kept or b""} for kept in found]
