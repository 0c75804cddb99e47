"""Finds personal data in clear: the load's phone numbers and texts, which nothing else contains."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import cast

from aiokafka import ConsumerRecord
from redis.asyncio import Redis

from careline_cli.load import PRIVATE_WORDS, phone_number
from careline_contracts.topics import DEAD_LETTERS, Topic

_NUMBERS_BEGIN = phone_number(0).strip("+0").encode()
# not a part of some longer number in hexadecimal
_PERSONAL = re.compile(
    rb"(?<![0-9a-f])%s\d{8}(?![0-9a-f])|%s" % (_NUMBERS_BEGIN, PRIVATE_WORDS.encode())
)


def personal(data: bytes) -> str:
    """The first personal datum in it; empty when there is none."""
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
        content = path.read_bytes()
        # two plain searches are ten times as fast as the pattern
        is_suspicious = _NUMBERS_BEGIN in content or PRIVATE_WORDS.encode() in content
        if is_suspicious and (found := personal(content)):
            yield f"{path}: {found}"


async def in_valkey(url: str) -> AsyncIterator[str]:
    """Where Valkey holds personal data: ingest keeps sets there, profile texts."""
    async with Redis.from_url(url) as valkey:
        async for key in valkey.scan_iter():
            if await valkey.type(key) == b"set":
                kept = cast(set[bytes], await valkey.smembers(key))
            else:
                kept = {cast(bytes, await valkey.get(key))}
            if found := personal(b"\n".join((key, *kept))):
                yield f"Valkey {key!r}: {found}"
