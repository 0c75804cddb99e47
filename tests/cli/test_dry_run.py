"""A dry run: what an import would do, by the edge's own rules, with nothing sent and nothing up."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from careline_cli.app import app
from careline_cli.tally import MOST_KINDS, Tally
from careline_cli.translation import Refused

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "import"

MAPPING = """
format: jsonl
timezone: Asia/Shanghai
events:
  - type: careline.chat-message.received.v1
    time: {column: at, format: iso}
    identities: [{kind: phone, column: phone}]
    fields:
      session: {column: session}
      text: {column: text}
"""


@pytest.fixture(autouse=True)
def _nothing_is_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARELINE_HOME", str(tmp_path / "no-home"))


@pytest.fixture
def messages(tmp_path: Path) -> Path:
    """Six good messages, and one of each kind that the edge refuses."""
    good = [a_message(session=f"s{n}", at=f"2026-03-0{n + 1}T12:00:00+08:00") for n in range(6)]
    future = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    bad = [
        a_message(phone="12"),
        a_message(phone="34"),
        a_message(at=future),
        a_message(at="1999-01-01T00:00:00Z"),
        a_message(session="x" * 201),
        a_message(at="yesterday"),
        a_message(at="tomorrow"),
    ]
    path = tmp_path / "messages.jsonl"
    path.write_text("\n".join(json.dumps(one) for one in [*good, *bad]), encoding="utf-8")
    (tmp_path / "messages.yaml").write_text(MAPPING, encoding="utf-8")
    return path


def a_message(**changes: str) -> dict[str, str]:
    message = {"at": "2026-03-01T12:00:00+08:00", "phone": "13912345678", "session": "s"}
    return {**message, **changes}


def dry_run(path: Path, *arguments: str) -> str:
    mapping = path.with_suffix(".yaml")
    result = CliRunner().invoke(
        app,
        ["import", "--dry-run", "--mapping", str(mapping), str(path), *arguments],
        catch_exceptions=False,
    )
    assert result.exit_code == 0, result.output
    return result.stdout


def dry_run_as_json(path: Path, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(dry_run(path, *arguments, "--json"))
    return found


def test_the_first_events_are_shown_as_they_would_be_sent(messages: Path) -> None:
    events = dry_run_as_json(messages)["events"]

    assert [event["id"] for event in events] == ["1", "2", "3", "4", "5"]
    assert events[0] == {
        "specversion": "1.0",
        "id": "1",
        "source": "/import/messages.jsonl",
        "type": "careline.chat-message.received.v1",
        "time": "2026-03-01T04:00:00Z",
        "datacontenttype": "application/json",
        "data": {"identities": [{"kind": "phone", "value": "13912345678"}], "session": "s0"},
    }
    assert len(dry_run_as_json(messages, "--show", "2")["events"]) == 2


def test_events_are_counted_by_type_with_their_range_of_time(messages: Path) -> None:
    found = dry_run_as_json(messages)

    assert found["touchpoints"] == {"accepted": 6, "rejected": 7, "duplicate": 0}
    assert found["types"] == {"careline.chat-message.received.v1": 6}
    assert (found["earliest"], found["latest"]) == ("2026-03-01T04:00:00Z", "2026-03-06T04:00:00Z")
    assert found["columns_in_no_row"] == ["text"]


def test_every_kind_of_rejection_is_counted_with_its_first_line(messages: Path) -> None:
    rejections = dry_run_as_json(messages)["rejections"]

    assert [(one["count"], one["code"], one["line"]) for one in rejections] == [
        (2, "invalid_identity", 7),
        (2, "unmappable_value", 12),
        (1, "time_in_future", 9),
        (1, "time_too_old", 10),
        (1, "invalid_data", 11),
    ]
    assert rejections[1]["reason"] == "column at: 'yesterday' is not a time of the form iso"
    assert json.loads(rejections[0]["text"])["phone"] == "12"


def test_a_dry_replay_puts_events_in_order_and_takes_any_age(messages: Path) -> None:
    found = dry_run_as_json(messages, "--replay-clock")

    assert found["events"][0]["id"] == "10", "of the year 1999"
    assert found["earliest"] == "1999-01-01T00:00:00Z"


def test_rejected_rows_are_written_out(messages: Path, tmp_path: Path) -> None:
    rejected = tmp_path / "rejected.csv"
    dry_run(messages, "--rejects", str(rejected))

    lines = rejected.read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == ["7", "8", "9", "10", "11", "12", "13"]


def test_people_read_the_same_in_words() -> None:
    words = dry_run(EXAMPLES / "calls.csv", "--show", "1")

    assert '"source": "/import/calls.csv"' in words
    assert "calls.csv: nothing was sent" in words
    assert "1 × unmappable_value, first in line 6: careline.call.completed.v1: no identity" in words


def test_kinds_of_rejections_are_bounded() -> None:
    tally = Tally()
    for line in range(2 * MOST_KINDS):
        tally.refuse(Refused(line, "odd", f"reason-x{line}", ""))

    assert len(tally.kinds) == MOST_KINDS + 1
    assert sum(kind.count for kind in tally.kinds.values()) == 2 * MOST_KINDS
