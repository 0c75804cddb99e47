"""A record that can't be handled is kept whole: bytes, key and headers, with the reason."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from aiokafka import ConsumerRecord

from careline_contracts.dead_letters import CUT
from careline_contracts.envelope import Headers, InvalidEnvelope, Record, from_text, to_text
from careline_contracts.topics import DEAD_LETTERS

WHOLE_BYTES = 3 * 1024 * 1024
"""Compression can hide more than a topic takes (4 MiB); this leaves room for the marks."""

_DETAIL_CHARACTERS = 1_000
_HEADER_OVERHEAD_BYTES = 10
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# a producer may write any number as a record's time
_LAST_MILLISECOND = 253_402_300_799_999


class Streak:
    """Dead letters with no good event between them; too many mean that something else is wrong.

    `broken` is told once, in words, when there are more than `limit`.
    """

    def __init__(self, limit: int, broken: Callable[[str], None]) -> None:
        self._limit = limit
        self._broken = broken
        self._length = 0

    def count(self, *, good: int, bad: int) -> None:
        """Takes note of what became of the events of one unit."""
        before, self._length = self._length, 0 if good else self._length + bad
        if before <= self._limit < self._length:
            self._broken(
                f"{self._length} dead letters in a row and not one good event: look into "
                "their reasons before starting again (CARELINE_DEAD_LETTERS_IN_A_ROW is the limit)"
            )


def dead_letter(
    record: ConsumerRecord, service: str, *, reason: str, detail: str, attempts: int = 1
) -> Record:
    """`record` as it came, for the dead-letter topic of `service`; `dlq_*` headers say why.

    `reason` is a machine-readable code, `detail` says it in words (cut at 1,000 characters). What
    no topic could take is cut, and `dlq_cut` names the parts: a letter without it gives key,
    headers and value back byte for byte. Marks of an earlier failure give way to these.
    """
    key, headers, value, cut = _fitting(record)
    marks = {
        "dlq_reason": reason,
        "dlq_detail": detail[:_DETAIL_CHARACTERS],
        "dlq_topic": record.topic,
        "dlq_partition": str(record.partition),
        "dlq_offset": str(record.offset),
        "dlq_attempts": str(attempts),
        "dlq_service": service,
        "dlq_first_seen": _first_seen(record),
    }
    if cut:
        marks[CUT] = ", ".join(cut)
    return Record(
        topic=DEAD_LETTERS[service].name,
        key="" if key is None else key,
        headers=[*headers, *((name, text.encode()) for name, text in marks.items())],
        value=value,
    )


def _fitting(record: ConsumerRecord) -> tuple[bytes | None, Headers, bytes | None, list[str]]:
    """Key, headers and value, at most `WHOLE_BYTES` together, and the names of what was cut."""
    room = WHOLE_BYTES
    key = record.key and record.key[:room]
    room -= len(key or b"")
    original = [(name, value) for name, value in record.headers if not name.startswith("dlq_")]
    headers = []
    for name, value in original:
        size = len(name.encode()) + len(value or b"") + _HEADER_OVERHEAD_BYTES
        if size <= room:
            headers.append((name, value))
            room -= size
    value = record.value and record.value[:room]
    parts = {
        "key": key == record.key,
        "headers": headers == original,
        "value": value == record.value,
    }
    return key, headers, value, [part for part, is_whole in parts.items() if not is_whole]


def _first_seen(record: ConsumerRecord) -> str:
    """When the record was written; a replayed letter keeps what it says of its first life."""
    try:
        said = (dict(record.headers).get("dlq_first_seen") or b"").decode()
        return to_text(from_text(said, name="dlq_first_seen"))
    except (InvalidEnvelope, UnicodeDecodeError):
        milliseconds = min(max(record.timestamp, 0), _LAST_MILLISECOND)
        return to_text(_EPOCH + timedelta(milliseconds=milliseconds))
