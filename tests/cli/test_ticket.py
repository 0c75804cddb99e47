"""`careline ticket`: what ticketing answers, as JSON and as people read it."""

import json
from typing import Any, get_args

import pytest
from typer.testing import CliRunner

from careline_cli.app import app
from careline_cli.ticket import command
from careline_cli.ticket.view import _MARKS, NAMES, WORDS
from careline_contracts.events.ticketing import Party, Target, TicketKind, TicketStatus
from careline_ticketing.clocks import Verdict
from careline_ticketing.lines import NOBODY, UNASSIGNED, LineKind
from careline_ticketing.model import Act

TICKET: dict[str, Any] = {
    "ticket": "T4QGKZ7NTXY6W2",
    "customer": "C-ann",
    "kind": "complaint",
    "level": "L3",
    "status": "waiting",
    "team": "returns",
    "agent": None,
    "opened_at": "2026-03-02T02:00:00Z",
    "merged_into": None,
    "clocks": [
        {
            "target": "resolution",
            "verdict": "missed",
            "due_at": "2026-03-04T02:00:00Z",
            "late_seconds": 90.0,
            "lines": [
                {
                    "from": "2026-03-02T02:00:00Z",
                    "to": "2026-03-02T03:00:00Z",
                    "kind": "waiting",
                    "who": "customer",
                    "counts": False,
                }
            ],
        }
    ],
    "doubtful_pauses": [
        {
            "target": "resolution",
            "from": "2026-03-04T01:50:00Z",
            "to": "2026-03-04T09:00:00Z",
            "left_seconds": 600.0,
            "agent": "li",
        }
    ],
    "steps": [
        {
            "act": "opened",
            "at": "2026-03-02T02:00:00Z",
            "team": None,
            "agent": None,
            "detail": None,
        },
    ],
}


@pytest.fixture(autouse=True)
def ticketing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ticketing service of three tickets, two a page."""

    def ask(method: str, path: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        if path != "/v1/tickets":
            return TICKET
        begin = int((params or {}).get("after", 0))
        end = begin + min(2, (params or {})["limit"])
        return {"tickets": [TICKET] * (min(end, 3) - begin), "next": str(end) if end < 3 else None}

    monkeypatch.setattr(command, "ask", ask)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["ticket", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize(("limit", "count"), [("1", 1), ("2", 2), ("0", 3)])
def test_a_list_goes_on_page_after_page_up_to_its_limit(limit: str, count: int) -> None:
    assert len(json.loads(run("list", "--json", "--limit", limit))["tickets"]) == count


@pytest.mark.parametrize("language", WORDS)
def test_a_ticket_is_shown_with_where_its_time_went(language: str) -> None:
    words = run("show", TICKET["ticket"], "--language", language)

    assert WORDS[language]["idle"] in words
    assert "0:01:30" in words and NAMES[language].get("customer", "customer") in words
    assert "0:10:00" in words, "how much was left when a doubtful pause began"


@pytest.mark.parametrize("language", WORDS)
def test_a_merged_ticket_says_where_it_goes_on(
    language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    merged = {**TICKET, "status": "merged", "merged_into": "T5KTA54IXXXXXX", "clocks": []}
    monkeypatch.setattr(command, "ask", lambda method, path: merged)

    assert "T5KTA54IXXXXXX" in run("show", TICKET["ticket"], "--language", language)


def test_every_word_of_the_service_has_a_name_in_chinese() -> None:
    kinds = (TicketKind, TicketStatus, Target, Verdict, LineKind, Party, Act)
    words = {word for kind in kinds for word in get_args(kind)} | {NOBODY, UNASSIGNED}

    assert set(NAMES["zh"]) == words


def test_in_chinese_no_word_of_the_service_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    late = {**TICKET["clocks"][0], "late_seconds": 4 * 86_400 + 90.0}
    monkeypatch.setattr(command, "ask", lambda method, path: {**TICKET, "clocks": [late]})

    words = run("show", TICKET["ticket"], "--language", "zh")

    assert "投诉 L3 · 等待中" in words and "解决：未兑现" in words and "超时 96:01:30" in words
    assert not [word for word in NAMES["zh"] if word in words], "days are no word either"


def test_days_that_are_alike_are_one_line_with_the_sum_of_their_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def line(begin: str, end: str, *, who: str = "returns") -> dict[str, Any]:
        kind = "working" if who != "nobody" else "outside_hours"
        day = f"2026-03-0{begin[0]}T{begin[2:]}:00Z", f"2026-03-0{end[0]}T{end[2:]}:00Z"
        return {"from": day[0], "to": day[1], "kind": kind, "who": who, "counts": who != "nobody"}

    lines = [
        line("2 01:00", "2 10:00"),
        line("2 10:00", "3 01:00", who="nobody"),
        line("3 01:00", "3 10:00"),
        line("3 10:00", "4 01:00", who="nobody"),
        line("4 01:00", "4 02:30"),
        line("4 02:30", "4 03:00", who="sales"),
    ]
    clock = {**TICKET["clocks"][0], "lines": lines}
    monkeypatch.setattr(command, "ask", lambda method, path: {**TICKET, "clocks": [clock]})

    words = run("show", TICKET["ticket"])

    assert words.count("working") == 2 and "outside_hours" not in words
    assert "counts 19:30 h" in words and "counts 0:30 h" in words


@pytest.mark.parametrize("language", WORDS)
def test_a_list_names_each_ticket(language: str) -> None:
    assert run("list", "--language", language).count("T4QGKZ7NTXY6W2") == 3


def test_a_list_says_what_became_of_promises_without_colours_too() -> None:
    clock = TICKET["clocks"][0]
    assert run("list").count(f"{_MARKS[clock['verdict']]} {clock['target']}") == 3
