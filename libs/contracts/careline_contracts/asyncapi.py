"""The AsyncAPI 3 document of every topic: `python -m careline_contracts.asyncapi` prints it."""

import json
from importlib.metadata import version
from typing import Any

from pydantic.json_schema import models_json_schema

from careline_contracts.dead_letters import IF_NEED_BE, MARKS
from careline_contracts.schemas import payloads
from careline_contracts.topics import CATALOGUE, Topic

ENVELOPE_HEADERS = {
    "type": "object",
    "required": ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "content-type"],
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {"type": "string", "description": "Unique within the source."},
        "ce_source": {"type": "string", "description": "Who says it."},
        "ce_type": {"type": "string"},
        "ce_time": {"type": "string", "format": "date-time", "description": "When it happened."},
        "ce_recordedtime": {
            "type": "string",
            "format": "date-time",
            "description": "When the edge accepted it, or when the timer that caused it was due.",
        },
        "ce_partitionkey": {"type": "string", "description": "The record's key."},
        "ce_subject": {"type": "string"},
        "ce_causationid": {"type": "string", "description": "Id of the event that led to it."},
        "traceparent": {"type": "string", "description": "W3C trace context."},
        "content-type": {"const": "application/json"},
    },
}

DEAD_LETTER_HEADERS = {
    "type": "object",
    "description": "The original's headers, whatever they are, and these.",
    "required": list(MARKS),
    "properties": {
        name: {"type": "string", "description": meaning}
        for name, meaning in {**MARKS, **IF_NEED_BE}.items()
    },
}
DEAD_LETTER = "dead-letter"
DEAD_LETTER_MESSAGE = {
    "name": DEAD_LETTER,
    "summary": "A record that could not be handled, as it came.",
    "contentType": "application/octet-stream",
    "headers": {"$ref": "#/components/schemas/DeadLetterHeaders"},
    "payload": {"description": "The original value: any bytes, or null."},
}


def document() -> dict[str, Any]:
    """Channels, messages and who sends and receives what, from the topic catalogue."""
    references, schemas = models_json_schema(
        [(payload, "serialization") for payload in payloads()],
        ref_template="#/components/schemas/{model}",
    )
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Careline",
            "version": version("careline-contracts"),
            "description": "What Careline's services and the channel systems say to each other.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in CATALOGUE},
        "operations": {name: one for topic in CATALOGUE for name, one in _operations(topic)},
        "components": {
            "messages": {
                _message_name(payload.type): {
                    "name": payload.type,
                    "contentType": "application/json",
                    "headers": {"$ref": "#/components/schemas/EnvelopeHeaders"},
                    "payload": references[payload, "serialization"],
                }
                for payload in payloads()
            }
            | {DEAD_LETTER: DEAD_LETTER_MESSAGE},
            "schemas": {
                "EnvelopeHeaders": ENVELOPE_HEADERS,
                "DeadLetterHeaders": DEAD_LETTER_HEADERS,
                **schemas["$defs"],
            },
        },
    }


def to_text() -> str:
    """The document as it is kept in `docs/asyncapi.json`."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def _channel(topic: Topic) -> dict[str, Any]:
    configuration: dict[str, Any] = {"cleanup.policy": [topic.config["cleanup.policy"]]}
    if "retention.ms" in topic.config:
        configuration["retention.ms"] = int(topic.config["retention.ms"])
    names = [_message_name(payload.type) for payload in topic.says]
    if topic.kind == "dead-letters":
        names = [DEAD_LETTER]
    return {
        "address": topic.name,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": configuration,
                "bindingVersion": "0.5.0",
            }
        },
        "x-owner": topic.owner,
        "x-readers": list(topic.readers),
        "x-key": topic.key,
        "x-kind": topic.kind,
        "x-retention-days": None if topic.kind == "state" else topic.retention_days,
        "x-personal-data": topic.personal,
    }


def _operations(topic: Topic) -> list[tuple[str, dict[str, Any]]]:
    channel = {"$ref": f"#/channels/{topic.name}"}
    said = (f"{topic.owner}.says.{topic.name}", {"action": "send", "channel": channel})
    heard = [
        (f"{reader}.hears.{topic.name}", {"action": "receive", "channel": channel})
        for reader in topic.readers
    ]
    return [said, *heard]


def _message_name(type: str) -> str:
    return type.removesuffix(".*")


if __name__ == "__main__":
    print(to_text(), end="")
