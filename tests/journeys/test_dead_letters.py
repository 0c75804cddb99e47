"""A till sends nonsense: it is found, looked at, put right, and counts once however often sent."""

import json
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from careline_cli.replay import Pipeline
from careline_contracts.envelope import Record
from careline_contracts.topics import RAW
from tests.journeys.conftest import Careline

pytestmark = pytest.mark.stack

EDITOR = """
import json, pathlib, sys
file = pathlib.Path(sys.argv[1])
event = json.loads(file.read_text())
event["data"]["data"]["identities"] = [{{"kind": "member_card", "value": "{card}"}}]
file.write_text(json.dumps(event))
"""


@pytest.fixture
async def refused(pipeline: Pipeline, careline: Careline) -> dict[str, Any]:
    """A purchase without an identity, published by a till and put aside by ingest."""
    event = {
        "specversion": "1.0",
        "id": f"till-{uuid.uuid4().hex}",
        "source": "/store/dead-letters",
        "type": "careline.purchase.completed.v1",
        "time": "2026-01-05T09:00:00+08:00",
        "data": {"identities": [], "amount_minor": 100, "currency": "CNY"},
    }
    headers = [("content-type", b"application/cloudevents+json")]
    body = json.dumps(event).encode()
    await pipeline.publish([Record(RAW["store"].name, b"\xff till", headers, body)])
    await pipeline.drain()
    ours = ("--service", "ingest", "--reason", "missing_identity", "--waiting")
    letters: list[dict[str, Any]] = careline("deadletter", "list", "--json", *ours)
    for letter in letters[::-1]:  # the newest first
        shown = careline("deadletter", "show", letter["id"], "--json")
        if shown["content"].get("data", {}).get("id") == event["id"]:
            return letter
    raise AssertionError("the letter is not in the list")


async def test_a_letter_is_listed_with_its_reason_and_shown_whole(
    refused: dict[str, Any], careline: Careline
) -> None:
    assert (refused["service"], refused["reason"]) == ("ingest", "missing_identity")
    assert (refused["state"], refused["is_whole"]) == ("waiting", True)
    assert refused["topic"] == RAW["store"].name

    shown = careline("deadletter", "show", refused["id"], "--json")
    assert shown["content"]["data"]["data"]["amount_minor"] == 100


async def test_what_is_still_wrong_is_put_aside_again(
    refused: dict[str, Any], careline: Careline
) -> None:
    [result] = careline("deadletter", "replay", refused["id"], "--json", exit_code=1)
    assert result["before"].startswith("missing_identity: ")
    assert result["after"].startswith("dead letter again, as ingest-")

    [left] = careline("deadletter", "replay", refused["id"], "--json")
    assert left["after"].startswith("left alone: replayed on ")


async def test_what_was_put_right_counts_once_however_often_it_is_replayed(
    refused: dict[str, Any], careline: Careline, pipeline: Pipeline, tmp_path: Path
) -> None:
    card = uuid.uuid4().hex
    script = tmp_path / "editor.py"
    script.write_text(EDITOR.format(card=card))
    for _ in range(2):
        [result] = careline(
            *("deadletter", "replay", refused["id"], "--edit", "--again", "--json"),
            EDITOR=f"{sys.executable} {script}",
        )
        assert result["after"] == "handled"
        assert any(card in line for line in result["changed"])
    await pipeline.drain()

    customer = await pipeline.get("profile", f"/v1/customers?identity=member_card:{card}")
    assert customer["touchpoints"] == {"store": 1}


def test_what_is_not_there_is_said(careline: Careline) -> None:
    careline("deadletter", "replay", "profile-999999", exit_code=1)
    careline("deadletter", "replay", "nobody-1", exit_code=2)
    careline("deadletter", "replay", exit_code=2)
    careline("deadletter", "list", "--service", "nobody", exit_code=2)
