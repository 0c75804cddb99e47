"""A record that can't be handled is kept whole: bytes, key and headers, with the reason."""

from collections.abc import Callable

from aiokafka import ConsumerRecord

from careline_contracts.envelope import Record
from careline_contracts.topics import DEAD_LETTERS

_DETAIL_CHARACTERS = 1_000


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

    `reason` is a machine-readable code, `detail` says it in words (cut at 1,000 characters).
    """
    marks = {
        "dlq_reason": reason,
        "dlq_detail": detail[:_DETAIL_CHARACTERS],
        "dlq_topic": record.topic,
        "dlq_partition": str(record.partition),
        "dlq_offset": str(record.offset),
        "dlq_attempts": str(attempts),
        "dlq_service": service,
    }
    headers = [(name, value) for name, value in record.headers if not name.startswith("dlq_")]
    return Record(
        topic=DEAD_LETTERS[service].name,
        key=(record.key or b"").decode(errors="backslashreplace"),
        headers=[*headers, *((name, text.encode()) for name, text in marks.items())],
        value=record.value,
    )
