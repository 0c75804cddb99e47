"""What may change within a version, and in which words a breaking change is refused."""

from typing import Any

import pytest

from careline_contracts.compatibility import breaking_changes
from careline_contracts.payload import describe
from careline_contracts.schemas import payloads


def an_event(*, required: tuple[str, ...] = (), **fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(required)}


TEXT = {"type": "string", "minLength": 1, "maxLength": 20}
NUMBER = {"type": "integer"}
NULL = {"type": "null"}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        pytest.param(
            an_event(agent=TEXT), an_event(), "agent: the field is gone", id="field removed"
        ),
        pytest.param(
            an_event(),
            an_event(agent=TEXT, required=("agent",)),
            "agent: a new field cannot be required",
            id="new required field",
        ),
        pytest.param(
            an_event(agent=TEXT),
            an_event(agent=TEXT, required=("agent",)),
            "agent: the field became required",
            id="optional became required",
        ),
        pytest.param(
            an_event(agent=TEXT, required=("agent",)),
            an_event(agent=TEXT),
            "agent: the field may now be absent",
            id="required became optional",
        ),
        pytest.param(
            an_event(seconds=NUMBER),
            an_event(seconds=TEXT),
            "seconds: integer is no longer allowed",
            id="another type",
        ),
        pytest.param(
            an_event(agent={"anyOf": [TEXT, NULL]}),
            an_event(agent=TEXT),
            "agent: null is no longer allowed",
            id="null refused",
        ),
        pytest.param(
            an_event(to={"type": "string", "enum": ["core", "edge"]}),
            an_event(to={"type": "string", "enum": ["core"]}),
            "to: the value 'edge' is no longer allowed",
            id="value removed",
        ),
        pytest.param(
            an_event(to={"type": "string"}),
            an_event(to={"type": "string", "enum": ["core"]}),
            "to: only core are allowed now",
            id="values listed",
        ),
        pytest.param(
            an_event(agent=TEXT),
            an_event(agent={**TEXT, "maxLength": 10}),
            "agent: maxLength went from 20 to 10",
            id="shorter",
        ),
        pytest.param(
            an_event(seconds=NUMBER),
            an_event(seconds={**NUMBER, "minimum": 1}),
            "seconds: minimum went from none to 1",
            id="new limit",
        ),
        pytest.param(
            an_event(agent=TEXT),
            an_event(agent={**TEXT, "pattern": "^a"}),
            "agent: pattern went from none to ^a",
            id="new pattern",
        ),
        pytest.param(
            an_event(via={**TEXT, "default": "app"}),
            an_event(via={**TEXT, "default": "phone"}),
            "via: the default changed, and with it what an absent field means",
            id="default changed",
        ),
        pytest.param(
            an_event(body={"type": "object"}),
            an_event(body={"type": "object", "additionalProperties": False}),
            "body.*: no longer allowed",
            id="unknown fields refused",
        ),
        pytest.param(
            an_event(reasons={"type": "array", "items": {}}),
            an_event(reasons={"type": "array", "items": TEXT}),
            "reasons[]: any value is no longer allowed",
            id="items narrowed",
        ),
    ],
)
def test_a_breaking_change_is_named(old: dict[str, Any], new: dict[str, Any], words: str) -> None:
    assert breaking_changes(old, new) == [words]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(an_event(), an_event(agent=TEXT), id="new optional field"),
        pytest.param(
            an_event(agent=TEXT), an_event(agent={"anyOf": [TEXT, NULL]}), id="null allowed"
        ),
        pytest.param(
            an_event(to={"type": "string", "enum": ["core"]}),
            an_event(to={"type": "string", "enum": ["core", "edge"]}),
            id="new value",
        ),
        pytest.param(an_event(agent=TEXT), an_event(agent={"type": "string"}), id="limits lifted"),
        pytest.param(an_event(n=NUMBER), an_event(n={"type": "number"}), id="any number"),
        pytest.param(
            an_event(agent=TEXT),
            an_event(agent={**TEXT, "description": "who"}),
            id="words about a field",
        ),
    ],
)
def test_a_wider_contract_keeps_its_version(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert breaking_changes(old, new) == []


def test_a_change_inside_a_referenced_definition_is_found() -> None:
    def event(limit: int) -> dict[str, Any]:
        return {
            **an_event(identities={"type": "array", "items": {"$ref": "#/$defs/Identity"}}),
            "$defs": {"Identity": an_event(value={"type": "string", "maxLength": limit})},
        }

    assert breaking_changes(event(254), event(64)) == [
        "identities[].value: maxLength went from 254 to 64"
    ]


@pytest.mark.parametrize("payload", payloads(), ids=lambda payload: payload.type)
def test_every_schema_is_compatible_with_itself(payload: Any) -> None:
    assert breaking_changes(describe(payload), describe(payload)) == []
