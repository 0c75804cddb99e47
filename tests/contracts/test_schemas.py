"""The golden files hold, the examples fit them, and a breaking change is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from careline_contracts import schemas
from careline_contracts.envelope import from_object
from careline_contracts.events.scoring import TierChanged
from careline_contracts.examples import examples
from careline_contracts.payload import Payload
from careline_contracts.schemas.__main__ import main

EVERY_TYPE = [pytest.param(payload, id=payload.type) for payload in schemas.payloads()]


def test_golden_schemas_say_what_the_models_say() -> None:
    assert schemas.differences() == [], "careline check --fix"


def test_no_type_broke_within_its_version() -> None:
    assert schemas.refusals() == []


@pytest.mark.parametrize("payload", EVERY_TYPE)
def test_every_example_is_an_event_of_its_type(payload: type[Payload]) -> None:
    validator = Draft202012Validator(schemas.golden(payload) or {})
    for event in examples(payload):
        envelope, value = from_object(event)
        assert envelope.type == payload.type or payload.type.endswith(".*")
        parsed = payload.parse(value)
        validator.validate(event["data"])
        assert without_defaults(json.loads(parsed.to_json()), event["data"]) == event["data"]


@pytest.mark.parametrize("payload", EVERY_TYPE)
def test_every_schema_is_valid_json_schema(payload: type[Payload]) -> None:
    Draft202012Validator.check_schema(schemas.golden(payload) or {})


def test_there_is_an_example_of_every_type_and_of_nothing_else() -> None:
    folder = Path(schemas.FOLDER).parent / "examples"
    assert {path.name for path in folder.glob("*.json")} == {
        schemas.file_name(payload) for payload in schemas.payloads()
    }


@pytest.fixture
def golden_copy(tmp_path: Path) -> Path:
    """Golden files that say what the models say."""
    schemas.write(tmp_path)
    return tmp_path


def agree_on(folder: Path, payload: type[Payload], **fields: Any) -> Path:
    """Make the golden file of `payload` say that it also has these fields."""
    path = folder / schemas.file_name(payload)
    schema = json.loads(path.read_text(encoding="utf-8"))
    schema["properties"].update(fields)
    path.write_text(json.dumps(schema), encoding="utf-8")
    return path


def test_writing_refuses_a_breaking_change_and_names_it(
    golden_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = agree_on(golden_copy, TierChanged, branch={"type": "string"})
    before = path.read_text(encoding="utf-8")

    assert main(["--write", "--folder", str(golden_copy)]) == 1

    assert "careline.tier.changed.v1: branch: the field is gone" in capsys.readouterr().out
    assert path.read_text(encoding="utf-8") == before


def test_writing_accepts_the_change_under_a_new_version(
    golden_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agree_on(golden_copy, TierChanged, branch={"type": "string"})
    monkeypatch.setattr(TierChanged, "type", "careline.tier.changed.v2")

    assert schemas.refusals(golden_copy) == []
    schemas.write(golden_copy)

    assert (golden_copy / "careline.tier.changed.v2.json").exists()


def test_a_missing_and_a_left_over_file_are_reported(golden_copy: Path) -> None:
    path = golden_copy / schemas.file_name(TierChanged)
    path.rename(golden_copy / "careline.fax.received.v1.json")

    assert schemas.differences(golden_copy) == [
        "careline.tier.changed.v1.json: missing",
        "careline.fax.received.v1.json: nobody says this type any more; "
        "delete the file once no topic carries it",
    ]


def without_defaults(written: Any, example: Any) -> Any:
    """`written` without the fields that the example leaves to their defaults."""
    if isinstance(written, dict) and isinstance(example, dict):
        return {key: without_defaults(written[key], example[key]) for key in example}
    if isinstance(written, list):
        return [without_defaults(one, other) for one, other in zip(written, example, strict=True)]
    return written
