"""A team connects its phone system: a key is made, used, replaced without a gap, and taken away."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from careline_localstack import LocalStack
from tests.journeys.conftest import Careline

pytestmark = pytest.mark.stack

IS_STRUCTURED = {"content-type": "application/cloudevents+json"}


def a_call(id: str, source: str) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": id,
        "source": source,
        "type": "careline.call.completed.v1",
        "time": "2026-01-05T09:00:00+08:00",
        "data": {
            "identities": [{"kind": "phone", "value": "+8613900000411"}],
            "direction": "inbound",
            "duration_seconds": 61,
        },
    }


def test_a_key_is_made_used_replaced_and_revoked(
    running_services: LocalStack, careline: Careline
) -> None:
    url = f"{running_services.endpoints.services['ingest']}/v1/touchpoints"

    def status(key: str, event: dict[str, Any]) -> int:
        headers = {**IS_STRUCTURED, "authorization": f"Bearer {key}"}
        return httpx.post(url, json=event, headers=headers).status_code

    made = careline("channel", "create", "hotline", "--channel", "phone", "--json")
    assert {name: made[name] for name in ("name", "channel", "source")} == {
        "name": "hotline",
        "channel": "phone",
        "source": "/phone/hotline",
    }
    assert status(made["key"], a_call("1", made["source"])) == 202
    assert status(made["key"], a_call("2", "/phone/another")) == 403

    new = careline("channel", "rotate", "hotline", "--json")
    assert new["key"] != made["key"]
    assert status(made["key"], a_call("3", made["source"])) == 202
    assert status(new["key"], a_call("4", made["source"])) == 202

    [listed] = [one for one in careline("channel", "list", "--json") if one["name"] == "hotline"]
    assert [key["expires_at"] is None for key in listed["keys"]] == [False, True]
    for key in (made["key"], new["key"]):
        assert key.rpartition("_")[2] not in json.dumps(listed)

    careline("channel", "revoke", "hotline", "--key", made["key_id"])
    careline("channel", "revoke", "hotline")
    _until(lambda: status(new["key"], a_call("5", made["source"])) == 401)
    assert status(made["key"], a_call("6", made["source"])) == 401

    for log in running_services.home.logs.glob("*.log"):
        text = log.read_text(errors="replace")
        assert made["key"] not in text
        assert new["key"] not in text


def test_mistakes_are_explained(careline: Careline) -> None:
    careline("channel", "create", "Not A Name", "--channel", "phone", exit_code=1)
    careline("channel", "create", "x", "--channel", "telegraph", exit_code=2)
    careline(
        "channel", "create", "x", "--channel", "phone", "--type", "careline.no.v1", exit_code=1
    )
    careline("channel", "rotate", "nobody", exit_code=1)


def _until(holds: Callable[[], bool]) -> None:
    for _ in range(200):
        if holds():
            return
    raise AssertionError("it never came to hold")
