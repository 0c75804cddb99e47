"""A dead letter of the edge is sealed: what a channel sent may name a customer anywhere.

In clear stay the headers that say what it was and why it was put aside, so that dead letters can be
counted and found. Key, headers and value as they came are inside, for whoever has the key file.
"""

from collections.abc import Callable

import msgpack
from aiokafka import ConsumerRecord

from careline_contracts.dead_letters import SEALED
from careline_contracts.envelope import Record
from careline_runtime.keyring import Keyring

FinishLetter = Callable[[Record], Record]
"""The last touch on a dead letter before it is published."""

_SEALED_AS = "dead letter"
_IN_CLEAR = {"ce_id", "ce_source", "ce_type", "ce_time"}


def seal_dead_letter(letter: Record, keyring: Keyring) -> Record:
    """The letter as it may stand on a topic that many read."""
    original = [(name, value) for name, value in letter.headers if not _is_mark(name)]
    in_clear = [(name, v) for name, v in letter.headers if name in _IN_CLEAR or _is_mark(name)]
    packed = msgpack.packb((letter.key, original, letter.value))
    sealed = keyring.seal_bytes(_SEALED_AS, packed)
    return Record(letter.topic, "", [*in_clear, (SEALED, b"1")], sealed)


def open_dead_letter(record: ConsumerRecord | Record, keyring: Keyring) -> Record:
    """The letter as it was before it was sealed, to the byte; one that isn't sealed as it is.

    Raises `CannotOpen`.
    """
    marks = [(name, value) for name, value in record.headers if _is_mark(name)]
    if (SEALED, b"1") not in marks:
        return Record(record.topic, record.key or "", record.headers, record.value)
    marks.remove((SEALED, b"1"))
    key, original, value = msgpack.unpackb(keyring.open_bytes(_SEALED_AS, record.value or b""))
    return Record(record.topic, key, [*map(tuple, original), *marks], value)


def _is_mark(name: str) -> bool:
    return name.startswith("dlq_")
