"""A dead letter's content is shown whatever it is, edited where it is text, and else left alone."""

import json

import pytest

from careline_cli.console import CommandError
from careline_cli.deadletter.content import (
    difference,
    edited,
    readable,
    refuse_to_edit_bytes,
)
from careline_contracts.envelope import Headers, Record

BINARY: Headers = [
    ("ce_id", b"1"),
    ("ce_type", b"careline.store.visited.v1"),
    ("content-type", b"application/json"),
    ("dlq_first_seen", b"2026-01-01T00:00:00Z"),
]


def a_record(value: bytes | None, headers: Headers = BINARY) -> Record:
    return Record("careline.raw.store.v1", b"\xff key", headers, value)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param(b'{"a": 1}', {"data": {"a": 1}}, id="JSON"),
        pytest.param(b"{", {"text": "{"}, id="not JSON"),
        pytest.param(b"\xff\x00", {"text": "\\xff\x00"}, id="not UTF-8"),
        pytest.param(None, {"text": ""}, id="nothing"),
    ],
)
def test_everything_can_be_shown(value: bytes | None, shown: dict[str, object]) -> None:
    content = json.loads(readable(a_record(value)))
    assert content == {
        "attributes": {"id": "1", "type": "careline.store.visited.v1"},
        "headers": {"content-type": "application/json"},
        **shown,
    }


def test_what_was_edited_keeps_key_and_marks() -> None:
    record = a_record(b'{"a": "\xe5\x9b\x9b"}')
    text = readable(record).replace("四", "五").replace('"id": "1"', '"id": "2"')
    changed = edited(record, text)

    assert changed.value == '{"a":"五"}'.encode()
    assert dict(changed.headers) == {**dict(BINARY), "ce_id": b"2"}
    assert (changed.topic, changed.key) == (record.topic, record.key)
    assert [line for line in difference(readable(record), text) if line[:2] in ("+ ", "- ")]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"attributes": 1, "headers": {}, "data": 1}'])
def test_what_cannot_be_read_after_editing_is_not_sent(text: str) -> None:
    with pytest.raises(CommandError, match="can't be read"):
        edited(a_record(b"{}"), text)


@pytest.mark.parametrize(
    "record",
    [a_record(b"\xff"), a_record(b"{}", [("ce_id", b"\xff")])],
    ids=["value", "header"],
)
def test_bytes_are_not_edited(record: Record) -> None:
    with pytest.raises(CommandError, match="can't be edited"):
        refuse_to_edit_bytes(record)
