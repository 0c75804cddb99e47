"""The golden JSON Schemas: what every type looked like when it was last agreed on."""

import json
from pathlib import Path
from typing import Any

from careline_contracts.compatibility import breaking_changes
from careline_contracts.payload import Payload, describe
from careline_contracts.topics import CATALOGUE

FOLDER = Path(__file__).parent


def file_name(payload: type[Payload]) -> str:
    """`careline.call.completed.v1.json`; a type that stands for many loses its `.*`."""
    return f"{payload.type.removesuffix('.*')}.json"


def payloads() -> list[type[Payload]]:
    """Every type that is said on some topic, by name."""
    said = {payload for topic in CATALOGUE for payload in topic.says}
    return sorted(said, key=lambda payload: payload.type)


def golden(payload: type[Payload], folder: Path = FOLDER) -> dict[str, Any] | None:
    """The agreed schema of `payload`; None if there is none yet."""
    path = folder / file_name(payload)
    if not path.exists():
        return None
    agreed: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return agreed


def differences(folder: Path = FOLDER) -> list[str]:
    """Golden files that are missing, out of date or left over, in words."""
    found = []
    for payload in payloads():
        agreed = golden(payload, folder)
        if agreed is None:
            found.append(f"{file_name(payload)}: missing")
        elif agreed != describe(payload):
            found.append(f"{file_name(payload)}: the model says something else")
    expected = {file_name(payload) for payload in payloads()}
    found += [
        f"{path.name}: nobody says this type any more; delete the file once no topic carries it"
        for path in sorted(folder.glob("*.json"))
        if path.name not in expected
    ]
    return found


def refusals(folder: Path = FOLDER) -> list[str]:
    """Breaking changes of the models against the golden files, in words."""
    return [
        f"{payload.type}: {change}"
        for payload in payloads()
        if (agreed := golden(payload, folder)) is not None
        for change in breaking_changes(agreed, describe(payload))
    ]


def write(folder: Path = FOLDER) -> None:
    """Make the golden files say what the models say."""
    for payload in payloads():
        text = json.dumps(describe(payload), indent=2, ensure_ascii=False) + "\n"
        (folder / file_name(payload)).write_text(text, encoding="utf-8")
