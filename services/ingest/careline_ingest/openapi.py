"""What the OpenAPI page says about the edge, written by hand: bodies are read raw."""

from typing import Any

from careline_ingest.rules import Code
from careline_ingest.senders import TYPES
from careline_runtime.http import PROBLEM, problem_schema

_DATA = {
    "identities": [{"kind": "phone", "value": "+8613912345678"}],
    "direction": "inbound",
    "duration_seconds": 312,
}
_EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "call-20260104-0007",
    "source": "/phone/cn-1",
    "type": "careline.call.completed.v1",
    "time": "2026-01-04T09:30:00+08:00",
    "data": _DATA,
}
_SALE: dict[str, Any] = {
    "specversion": "1.0",
    "id": "till-3-000481",
    "source": "/store/hangzhou-2",
    "type": "careline.purchase.completed.v1",
    "time": "2026-01-04T09:31:10+08:00",
    "data": {
        "identities": [{"kind": "member_card", "value": "00412"}],
        "amount_minor": 12900,
        "currency": "CNY",
    },
}

_TEXT: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 255}
_EVENT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "CloudEvent 1.0",
    "required": ["specversion", "id", "source", "type", "data"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {**_TEXT, "description": "Unique within the source; send it again to try again."},
        "source": {**_TEXT, "description": "The channel system, without personal data."},
        "type": {"enum": sorted(TYPES), "description": "Its schema is in the contracts."},
        "time": {
            "type": "string",
            "format": "date-time",
            "description": "When it happened; when it is left out, now.",
        },
        "datacontenttype": {"const": "application/json"},
        "data": {"type": "object", "description": "By the schema of the type."},
    },
}
_REFUSAL: dict[str, Any] = {
    "code": {"enum": [code.value for code in Code]},
    "pointer": {"type": "string", "description": "RFC 6901, into the event in structured mode."},
    "detail": {"type": "string"},
}
_STATUS = {"enum": ["accepted", "duplicate", "rejected"]}
_ITEMS: dict[str, Any] = {
    "type": "array",
    "description": "In the request's order; code, pointer and detail are null unless rejected.",
    "items": {
        "type": "object",
        "required": ["id", "status", "code", "pointer", "detail"],
        "properties": {
            "id": {"type": ["string", "null"]},
            "status": _STATUS,
            **{name: {"anyOf": [schema, {"type": "null"}]} for name, schema in _REFUSAL.items()},
        },
    },
}
_RECEIPT: dict[str, Any] = {
    "type": "object",
    "required": ["id", "status"],
    "properties": {"id": _TEXT, "status": {"enum": ["accepted", "duplicate"]}},
}
_ACCEPTED_ITEM = {"id": _EVENT["id"], "status": "accepted", "code": None, "pointer": None}
_REJECTED_ITEM = {
    "id": _SALE["id"],
    "status": "rejected",
    "code": "invalid_field",
    "pointer": "/data/amount_minor",
    "detail": "Input should be a valid integer",
}


def _problem(description: str, *, may_retry: bool = False) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": description,
        "content": {
            PROBLEM: {"schema": problem_schema(code={"type": "string"}, pointer={"type": "string"})}
        },
    }
    if may_retry:
        seconds = {"schema": {"type": "integer"}, "description": "Seconds to wait"}
        answer["headers"] = {"Retry-After": seconds}
    return answer


PUBLISH: dict[str, Any] = {
    "summary": "Publish touchpoints",
    "description": (
        "CloudEvents 1.0 over HTTP: one event in binary mode (`ce-` headers, data as body) or"
        " structured mode, or a batch. The answer comes after Kafka acknowledged on all replicas."
        " Sending an event again under the same `source` and `id` has no second effect."
    ),
    "status_code": 202,
    "responses": {
        202: {
            "description": "Kafka has every event, now or from before",
            "content": {
                "application/json": {
                    "schema": {"oneOf": [_RECEIPT, _ITEMS]},
                    "examples": {
                        "single": {"value": {"id": _EVENT["id"], "status": "accepted"}},
                        "batch": {"value": [{**_ACCEPTED_ITEM, "detail": None}]},
                    },
                }
            },
        },
        207: {
            "description": "A batch of which something was rejected; the rest is accepted",
            "content": {
                "application/json": {
                    "schema": _ITEMS,
                    "example": [{**_ACCEPTED_ITEM, "detail": None}, _REJECTED_ITEM],
                }
            },
        },
        400: _problem("Not JSON, not UTF-8, not gzip, or an attribute is missing"),
        401: _problem("The key or the signature is not right, or there is none"),
        403: _problem("The key is not for this source, type or channel"),
        408: _problem("The body did not arrive in time"),
        413: _problem("The body, or the number of events in it, is over the limit"),
        415: _problem("Not JSON, or an encoding other than gzip"),
        422: _problem("The event breaks a rule; `code` and `pointer` say which and where"),
        429: _problem("Over the channel system's rate limit", may_retry=True),
        503: _problem("No room now, or Kafka does not answer: send it again", may_retry=True),
    },
    "openapi_extra": {
        "security": [{"key": []}, {"signature": []}],
        "parameters": [
            {
                "name": name,
                "in": "header",
                "required": False,
                "schema": {"type": "string"},
                "description": "Binary mode only.",
            }
            for name in ("ce-specversion", "ce-id", "ce-source", "ce-type", "ce-time")
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/cloudevents+json": {"schema": _EVENT_SCHEMA, "example": _EVENT},
                "application/cloudevents-batch+json": {
                    "schema": {"type": "array", "maxItems": 1000, "items": _EVENT_SCHEMA},
                    "example": [_EVENT, _SALE],
                },
                "application/json": {"schema": {"type": "object"}, "example": _DATA},
            },
        },
    },
}

SUMMARY: dict[str, Any] = {
    "summary": "Count what came in since the process started",
    "responses": {
        200: {
            "description": "Events by verdict, over HTTP and Kafka",
            "content": {
                "application/json": {
                    "example": {"touchpoints": {"accepted": 981, "rejected": 3, "duplicate": 12}}
                }
            },
        }
    },
}
