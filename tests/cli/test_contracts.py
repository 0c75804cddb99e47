"""`careline contracts`: what it prints is what the catalogue, the models and the policy say."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from careline_cli.app import app
from careline_cli.console import CommandError
from careline_contracts.examples import examples
from careline_contracts.payload import Payload, describe
from careline_contracts.schemas import payloads
from careline_contracts.topics import CATALOGUE


def contracts(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["contracts", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def contracts_as_json(*arguments: str) -> Any:
    return json.loads(contracts(*arguments, "--json"))


def test_every_topic_is_listed_with_who_says_and_hears_it() -> None:
    listed = contracts_as_json()

    assert contracts_as_json("list") == listed
    assert [(one["topic"], one["said_by"], one["heard_by"]) for one in listed] == [
        (topic.name, topic.owner, list(topic.readers)) for topic in CATALOGUE
    ]
    words = contracts("list")
    for topic in CATALOGUE:
        assert topic.name in words
        assert all(payload.type in words for payload in topic.says)


def test_one_topic_is_listed_alone() -> None:
    [listed] = contracts_as_json("--topic", "careline.touchpoints.v1")

    assert listed == {
        "topic": "careline.touchpoints.v1",
        "said_by": "ingest",
        "heard_by": ["profile"],
        "key": "first identity",
        "kind": "events",
        "partitions": 6,
        "retention_days": 28,
        "personal_data": "sealed",
        "types": ["careline.touchpoint.*"],
    }


@pytest.mark.parametrize("payload", payloads(), ids=lambda payload: payload.type)
def test_a_type_is_shown_with_schema_and_example(payload: type[Payload]) -> None:
    shown = contracts_as_json("show", payload.type)

    assert shown["type"] == payload.type
    assert shown["schema"] == describe(payload)
    assert shown["example"] == examples(payload)[0]
    assert shown["topics"]


def test_what_a_channel_says_is_followed_to_the_services_that_decide_on_it() -> None:
    shown = contracts_as_json("show", "careline.call.completed.v1")

    assert [(one["topic"], one["said_by"]) for one in shown["topics"]] == [
        ("careline.raw.phone.v1", "channels"),
        ("careline.touchpoints.v1", "ingest"),
        ("careline.activities.v1", "profile"),
    ]
    words = contracts("show", "careline.call.completed.v1")
    assert (
        "careline.activities.v1: said by profile, heard by scoring, engagement, ticketing" in words
    )
    assert "unknown fields: ignore" in words
    assert '"duration_seconds"' in words


def test_the_treatment_of_unknown_fields_is_that_of_the_policy_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = Path(__file__).parents[2] / "services/ingest/careline_ingest/policy.yaml"
    strict = shipped.read_text("utf-8").replace(
        "types: {}", "types: {careline.like.given.v1: count}"
    )
    (tmp_path / "ingest.yaml").write_text(strict, encoding="utf-8")
    monkeypatch.setenv("CARELINE_POLICIES", str(tmp_path))

    assert contracts_as_json("show", "careline.like.given.v1")["unknown_fields"] == "count"
    assert contracts_as_json("show", "careline.store.visited.v1")["unknown_fields"] == "ignore"


@pytest.mark.parametrize(
    "arguments", [("show", "careline.call.complete.v1"), ("--topic", "careline.touchpoint.v1")]
)
def test_a_name_that_does_not_exist_is_answered_with_the_nearest(arguments: tuple[str]) -> None:
    with pytest.raises(CommandError) as caught:
        contracts(*arguments)

    assert "Is it careline." in caught.value.why
