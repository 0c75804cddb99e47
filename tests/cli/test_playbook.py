"""`careline playbook`, `case`, `uplift` and `calendar`: what they ask and what they show."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from careline_cli import service_api
from careline_cli.app import app
from careline_cli.console import CommandError
from careline_cli.policy import published

POLICY = Path(__file__).parents[2] / "services/engagement/careline_engagement/policy.yaml"
Ask = Callable[..., Any]


def run(*words: str) -> Any:
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout) if "--json" in words else result.stdout


@pytest.fixture
def engagement(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What engagement answers, by path."""
    answers: dict[str, Any] = {}
    monkeypatch.setattr(
        service_api, "ask", lambda service, method, path, **_: answers[f"{service} {path}"]
    )
    return answers


def test_playbooks_are_checked_and_listed() -> None:
    found = run("playbook", "check", str(POLICY), "--json")
    retention = found["playbooks"][0]
    assert (retention["playbook"], retention["begins_on"]) == (
        "retention",
        ["risk/high", "need/dormant"],
    )
    assert "wake-up" in run("playbook", "check", str(POLICY))


def test_a_flawed_playbook_is_a_list_of_problems_for_a_script(tmp_path: Path) -> None:
    flawed = tmp_path / "care.yaml"
    flawed.write_text(POLICY.read_text("utf-8").replace("window_days:", "window_dyas:", 1))
    done = CliRunner().invoke(app, ["playbook", "check", str(flawed), "--json"])
    found = json.loads(done.stdout)

    assert (done.exit_code, found["valid"], found["service"]) == (1, False, "engagement")
    assert {"line", "path", "message"} == found["problems"][0].keys()
    lines = flawed.read_text("utf-8").splitlines()
    assert any("window_dyas" in lines[problem["line"] - 1] for problem in found["problems"])


def test_the_cases_of_a_playbook_name_the_version_they_run_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = {
        "case": "C-1-wake-up-3",
        "customer": "C-1",
        "playbook": "wake-up",
        "playbook_version": 2,
        "status": "open",
        "opened_at": "2026-03-02T09:00:00Z",
        "steps": [],
    }
    monkeypatch.setattr("careline_cli.case.ask", lambda *_, **__: {"cases": [case]})
    assert run("playbook", "cases", "wake-up", "--json")["cases"] == [case]
    assert " 2 " in run("playbook", "cases", "wake-up", "--status", "open")


@pytest.mark.parametrize(
    ("change", "step", "reason"),
    [
        pytest.param(
            ("suppressed: nobody_asked", "suppressed: nobody"),
            "message",
            "step message goes to an unknown step nobody",
            id="unknown step",
        ),
        pytest.param(
            ("then: nobody_asked", "then: nobody_asked\n        timeout: ask_why"),
            "worth_a_call",
            "step worth_a_call can't be reached",
            id="unreachable step",
        ),
        pytest.param(
            ("within_hours: 45 # a working week", "within_hours: 270"),
            "talk",
            "step talk, begun when desk closes on 20",
            id="a deadline that no working calendar can meet",
        ),
        pytest.param(
            ("hours: 96\n", "hours: 1\n"),
            "survey",
            "step survey never has room after message: 1 in 1 days",
            id="contradiction with a cap",
        ),
    ],
)
def test_a_flaw_is_refused_with_its_line_and_reason(
    tmp_path: Path, change: tuple[str, str], step: str, reason: str
) -> None:
    wrong, text = tmp_path / "engagement.yaml", POLICY.read_text("utf-8")
    assert change[0] in text
    text = text.replace(*change, 1).replace("patience_hours: 96", "patience_hours: 12")
    wrong.write_text(text)
    with pytest.raises(CommandError) as refused:
        run("playbook", "check", str(wrong))
    assert reason in refused.value.why
    rows = enumerate(text.splitlines(), 1)
    lines = [f"{wrong}:{n}:" for n, row in rows if row.strip().startswith(f"- step: {step}")]
    assert any(line in refused.value.why for line in lines)


@pytest.fixture
def in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped playbooks are."""
    described = {"text": POLICY.read_text("utf-8"), "path": str(POLICY)}
    monkeypatch.setattr(published, "in_force", lambda service: described)


@pytest.mark.usefixtures("in_force")
def test_playbooks_in_force_are_shown_and_one_of_them_whole() -> None:
    everything = run("playbook", "show", "--json")["playbooks"]
    assert {"retention", "wake-up"} < {playbook["playbook"] for playbook in everything}
    whole = run("playbook", "show", "retention", "--json")
    assert whole["goal"]["status"] == "saved"
    wording = run("playbook", "show", "retention")
    assert "# nobody is asked to stay twice in a month" in wording, "the reasons, too"
    assert "wake-up" not in wording
    above_and_last = run("playbook", "show", "account-call").splitlines()
    assert above_and_last[0].startswith("  # CARE-1, CARE-2: who is worth a person")
    assert wording.splitlines()[-1].strip() == "- outreach.answered/replied"
    assert {*wording.splitlines()} <= {*POLICY.read_text("utf-8").splitlines()}, "whole lines"
    with pytest.raises(CommandError, match="no playbook 'retain'"):
        run("playbook", "show", "retain")


def test_playbooks_are_published_as_engagements_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[Any, ...]] = []
    monkeypatch.setattr(
        "careline_cli.playbook.command.publish_policy",
        lambda file, **how: said.append((file, how["service"], how["note"])),
    )
    run("playbook", "publish", str(POLICY), "--note", "spring")
    assert said == [(POLICY, "engagement", "spring")]


def test_the_uplift_is_said_plainly(engagement: dict[str, Any]) -> None:
    group = {"cases": 40, "reached": 4, "share": 0.1}
    engagement["engagement /v1/playbooks/wake-up/uplift"] = {
        "goal": "reached",
        "window_days": 45,
        "verdict": "not_enough_data",
        "treated": group,
        "held_out": group,
        "difference": 0.0,
        "low": -0.14,
        "high": 0.14,
    }
    shown = run("uplift", "wake-up")
    assert "not enough data" in shown
    assert "-14.0 to +14.0" in shown
    assert run("uplift", "wake-up", "--json")["verdict"] == "not_enough_data"


def test_what_is_no_command_of_calendar_is_a_customer(
    engagement: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("careline_cli.calendar.number_of", lambda name: name)
    engagement["engagement /v1/customers/C-1/calendar"] = {
        "customer": "C-1",
        "tier": "core",
        "handling": ["slow_script"],
        "is_overdue": True,
        "open": [],
        "coming": [],
        "next_contact_at": "2026-03-05T02:00:00Z",
    }
    assert run("calendar", "C-1", "--json")["tier"] == "core"
    shown = run("calendar", "show", "C-1")
    assert "overdue" in shown
    assert "special care: slow_script" in shown
