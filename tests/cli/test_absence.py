"""`careline absence`: what it asks of engagement, with which headers, and what it shows."""

import json
from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from careline_cli import service_api
from careline_cli.app import app
from careline_cli.console import CommandError, local_minute

FROM, UNTIL = "2026-12-01T09:00:00+08:00", "2026-12-15T09:00:00+08:00"
LEAVE = {
    "absence": "leave",
    "begins_at": FROM,
    "ends_at": UNTIL,
    "deputy": "chen.jie",
    "noted_at": "2026-11-25T09:00:00Z",
}


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[httpx.Request]:
    """What engagement is asked; it knows of one leave of li.na, and of nobody else's."""
    asked: list[httpx.Request] = []

    def answers(method: str, url: str, *, timeout: float, **more: Any) -> httpx.Response:
        request = httpx.Request(method, url, **more)
        asked.append(request)
        if method == "GET":
            return httpx.Response(200, json={"absences": [LEAVE] if "li.na" in url else []})
        return httpx.Response(202, json={"id": "absence-1"})

    monkeypatch.setattr(httpx, "request", answers)
    running = SimpleNamespace(services={"engagement": "http://engagement"})
    monkeypatch.setattr(service_api, "running_endpoints", lambda: running)
    monkeypatch.setenv("CARELINE_TOKEN", "t")
    return asked


def run(*words: str) -> str:
    result = CliRunner().invoke(app, ["absence", *words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_day_without_a_zone_is_this_machines(requests: list[httpx.Request]) -> None:
    run("note", "li.na", "--from", "2026-12-01", "--until", "2026-12-15T09:00", "--deputy", "x")
    said = json.loads(requests[0].content)
    assert local_minute(said["begins_at"]) == "2026-12-01 00:00"
    assert local_minute(said["ends_at"]) == "2026-12-15 09:00"
    assert datetime.fromisoformat(said["begins_at"]).tzinfo is not None
    words = ["absence", "note", "li.na", "--from", "monday", "--until", "2026-12-15"]
    refused = CliRunner().invoke(app, [*words, "--deputy", "x"])
    assert refused.exit_code == 2
    assert "'monday' is no instant" in refused.output


def test_a_leave_is_noted_each_time_as_a_word_of_its_own(requests: list[httpx.Request]) -> None:
    words = ["note", "li.na", "--from", FROM, "--until", UNTIL, "--deputy", "chen.jie"]
    assert "chen.jie stands in" in run(*words)
    assert json.loads(run(*words, "--json")) == {"id": "absence-1"}

    assert {str(request.url) for request in requests} == {
        "http://engagement/v1/owners/li.na/absences/leave"
    }
    assert json.loads(requests[0].content) == {
        "begins_at": FROM,
        "ends_at": UNTIL,
        "deputy": "chen.jie",
    }
    assert {request.headers["authorization"] for request in requests} == {"Bearer t"}
    first, second = (request.headers["idempotency-key"] for request in requests)
    assert first != second


def test_what_ends_as_it_begins_is_called_off(requests: list[httpx.Request]) -> None:
    assert "leave is called off" in run("call-off", "li.na")
    _, said = requests
    assert json.loads(said.content) == {
        "begins_at": FROM,
        "ends_at": FROM,
        "deputy": "chen.jie",
    }


@pytest.mark.parametrize("words", [["wu", "leave"], ["li.na", "ill"]])
def test_only_what_was_noted_is_called_off(requests: list[httpx.Request], words: list[str]) -> None:
    with pytest.raises(CommandError, match="has no absence"):
        run("call-off", *words)
    assert [request.method for request in requests] == ["GET"]


@pytest.mark.usefixtures("requests")
@pytest.mark.parametrize(
    ("options", "read"),
    [
        pytest.param(
            [],
            lambda said: "chen.jie" in said and local_minute(FROM) in said,
            id="as people read it",
        ),
        pytest.param(
            ["--json"], lambda said: json.loads(said)["absences"] == [LEAVE], id="as scripts do"
        ),
    ],
)
def test_absences_are_listed(options: list[str], read: Callable[[str], bool]) -> None:
    assert read(run("list", "li.na", *options))
