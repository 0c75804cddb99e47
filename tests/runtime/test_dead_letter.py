"""A dead letter gives its record back byte for byte, and is never too large to be published."""

import pytest
from aiokafka import ConsumerRecord

from careline_contracts.dead_letters import CUT, MARKS
from careline_contracts.topics import DEAD_LETTERS
from careline_runtime.dead_letter import WHOLE_BYTES, dead_letter

LARGE = bytes(WHOLE_BYTES + 1)
HEADERS = (("ce_id", b"\xff"), ("same", b"1"), ("same", b"2"), ("null", None))


def a_record(
    *,
    key: bytes | None = b"C1",
    value: bytes | None = b"{}",
    headers: tuple[tuple[str, bytes | None], ...] = HEADERS,
    timestamp: int = 1_772_337_600_123,
) -> ConsumerRecord:
    return ConsumerRecord(
        topic="careline.activities.v1",
        partition=3,
        offset=41,
        timestamp=timestamp,
        timestamp_type=0,
        key=key,
        value=value,
        checksum=None,
        serialized_key_size=0,
        serialized_value_size=0,
        headers=headers,
    )


def marks(record: ConsumerRecord) -> dict[str, str]:
    """The `dlq_*` headers of the letter that `record` becomes."""
    letter = dead_letter(record, "scoring", reason="invalid_data", detail="no", attempts=2)
    return {name: text.decode() for name, text in letter.headers if name.startswith("dlq_")}


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(a_record(), id="plain"),
        pytest.param(a_record(key=b"\xff\x00\xfe"), id="a key that is not UTF-8"),
        pytest.param(a_record(key=b""), id="an empty key"),
        pytest.param(a_record(value=b"\xff\x00"), id="a value that is not text"),
        pytest.param(a_record(value=None), id="a tombstone"),
        pytest.param(a_record(headers=()), id="no headers"),
    ],
)
def test_a_letter_keeps_key_headers_and_value_as_they_were(record: ConsumerRecord) -> None:
    letter = dead_letter(record, "scoring", reason="invalid_data", detail="no")

    assert letter.topic == DEAD_LETTERS["scoring"].name
    assert (letter.key, letter.value) == (record.key, record.value)
    assert tuple(h for h in letter.headers if not h[0].startswith("dlq_")) == record.headers


def test_a_record_without_a_key_is_a_letter_without_a_key() -> None:
    assert dead_letter(a_record(key=None), "scoring", reason="r", detail="d").key == ""


def test_a_letter_says_what_happened_to_which_record() -> None:
    assert marks(a_record()) == {
        "dlq_reason": "invalid_data",
        "dlq_detail": "no",
        "dlq_topic": "careline.activities.v1",
        "dlq_partition": "3",
        "dlq_offset": "41",
        "dlq_attempts": "2",
        "dlq_service": "scoring",
        "dlq_first_seen": "2026-03-01T04:00:00.123000Z",
    }


def test_a_letter_has_the_marks_that_the_contract_names() -> None:
    assert [*marks(a_record())] == [*MARKS]
    assert [*marks(a_record(value=LARGE))] == [*MARKS, CUT]


def test_a_replayed_letter_that_fails_again_keeps_when_it_was_first_seen() -> None:
    first = [("dlq_reason", b"handler_failed"), ("dlq_first_seen", b"2026-01-31T23:00:00Z")]
    again = marks(a_record(headers=(*HEADERS, *first)))

    assert again["dlq_first_seen"] == "2026-01-31T23:00:00Z"
    assert again["dlq_reason"] == "invalid_data"


@pytest.mark.parametrize(
    ("record", "first_seen"),
    [
        pytest.param(a_record(timestamp=-1), "1970-01-01T00:00:00Z", id="no time"),
        pytest.param(a_record(timestamp=2**63 - 1), "9999-12-31T23:59:59.999000Z", id="any number"),
        pytest.param(
            a_record(timestamp=0, headers=(("dlq_first_seen", b"\xff" * 10_000),)),
            "1970-01-01T00:00:00Z",
            id="an earlier mark that is no time",
        ),
        pytest.param(
            a_record(timestamp=0, headers=(("dlq_first_seen", None),)),
            "1970-01-01T00:00:00Z",
            id="an earlier mark that is null",
        ),
    ],
)
def test_when_it_was_first_seen_is_always_an_instant(
    record: ConsumerRecord, first_seen: str
) -> None:
    assert marks(record)["dlq_first_seen"] == first_seen


@pytest.mark.parametrize(
    ("record", "cut"),
    [
        pytest.param(a_record(value=LARGE), "value", id="value"),
        pytest.param(a_record(headers=(("large", LARGE), *HEADERS)), "headers", id="headers"),
        pytest.param(
            a_record(headers=(("n", b""),) * (WHOLE_BYTES // 8)), "headers, value", id="many"
        ),
        pytest.param(a_record(key=LARGE), "key, headers, value", id="key"),
    ],
)
def test_what_no_topic_could_take_is_cut_and_the_letter_says_so(
    record: ConsumerRecord, cut: str
) -> None:
    letter = dead_letter(record, "scoring", reason="invalid_data", detail="no")
    size = len(letter.key) + len(letter.value or b"")
    size += sum(len(name) + len(content or b"") for name, content in letter.headers)

    assert marks(record)["dlq_cut"] == cut
    assert size < DEAD_LETTERS["scoring"].max_message_bytes
