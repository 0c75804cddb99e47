"""`careline score`: what scoring answers, as JSON and as people read it."""

import json
from collections.abc import Mapping
from copy import deepcopy
from datetime import datetime
from typing import Any

import pytest
from typer.testing import CliRunner

from careline_cli.app import app
from careline_cli.score import command, events, finding, kpis, movements
from careline_cli.score.view import WORDS

ANSWER: dict[str, Any] = {
    "customer": "C0000000000AN",
    "total": "48.50",
    "tier": "potential",
    "as_of": "2024-01-21T12:00:00+08:00",
    "policy_version": "handbook-1 (abc)",
    "currency": "CNY",
    "minor_digits": 2,
    "dimensions": {"spending": "20.00", "interaction": "0.00"},
    "contributions": [
        {
            "dimension": "spending",
            "measure": "spend",
            "evidence": {
                "value": 12_000_000,
                "unit": "minor_units",
                "from_day": "2024-01-01",
                "to_day": "2024-01-11",
                "since": "2023-12-31T16:00:00Z",
                "until": "2024-01-11T16:00:00Z",
                "kinds": ["purchase.completed", "contract.changed/renewed"],
                "sources": [
                    {
                        "event": "T-1-4-state",
                        "type": "careline.ticket.breached.v1",
                        "day": "2024-01-09",
                        "ticket": "T-1",
                    }
                ],
            },
            "curve": {"from_value": 5_000_000, "below": None},
            "points": "20.00",
            "expires_at": "2024-07-09T00:00:00+08:00",
        },
        {
            "dimension": "interaction",
            "measure": "enquiries",
            "evidence": None,
            "curve": None,
            "points": "0.00",
            "expires_at": None,
        },
    ],
    "left_out": {"NZD": 2},
    "tags": {"value": "normal", "need": "none", "risk": "medium", "channel": ["app", "store"]},
    "reasons": {
        "tier": ["[high] value"],
        "risk": ["1 complaint in 90 days"],
        "channel": ["often"],
    },
    "ways_up": [
        {
            "verdict": "tier",
            "to": "core",
            "orders": 3,
            "amount_minor": 1_000,
            "currency": "CNY",
            "from_day": "2024-01-21",
        }
    ],
    "next_change_at": "2024-03-31T00:00:00+08:00",
    "next_change": [
        {"what": "tenure", "from": "0.00", "to": "2.00"},
        {"what": "channel", "from": "app", "to": ""},
    ],
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Mapping[str, str]]]:
    """What scoring was asked; it gives the one answer."""
    asked: list[tuple[str, Mapping[str, str]]] = []

    def answer(method: str, path: str, *, params: Mapping[str, str]) -> Any:
        asked.append((path, params))
        return deepcopy(ANSWER)

    monkeypatch.setattr(command, "ask", answer)
    return asked


def score(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["score", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_score_is_explained_as_json_and_as_of_an_instant(
    asked: list[tuple[str, Mapping[str, str]]],
) -> None:
    assert (
        json.loads(score("explain", "C0000000000AN", "--as-of", "2024-02-01", "--json")) == ANSWER
    )
    [(path, params)] = asked
    assert path == "/v1/customers/C0000000000AN/score"
    instant = datetime.fromisoformat(params["as_of"])
    assert (instant.date().isoformat(), instant.tzinfo is not None) == ("2024-02-01", True)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "en",
            [
                "48.50 of 100",
                "120,000.00 CNY",
                "≥ 50,000",
                "2024-07-09",
                "[high] value",
                "app, store",
                "not counted: 2 in NZD",
                "tenure: 0.00 → 2.00",
                "channel: app → –",
                "tier core: 3 × order, 10.00 CNY in all",
            ],
        ),
        (
            "zh",
            [
                "48.50 分",
                "消费",
                "风险",
                "渠道偏好: app → –",
                "等级 核心：下单 3 次，合计 10.00 CNY",
            ],
        ),
    ],
)
@pytest.mark.usefixtures("asked")
def test_a_score_is_explained_in_words(language: str, words: list[str]) -> None:
    shown = score("explain", "C0000000000AN", "--language", language)
    assert [word for word in words if word not in shown] == []


@pytest.mark.usefixtures("asked")
def test_points_lead_to_the_events_they_rest_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def happened(event: str, type: str, **details: str) -> dict[str, Any]:
        at = "2024-01-05T04:00:00Z"
        return {
            "event": event,
            "type": f"careline.{type}.v1",
            "details": details,
            "occurred_at": at,
        }

    pages = {
        None: [happened("e4", "purchase.completed"), happened("e3", "store.visited")],
        "older": [
            happened("e2", "contract.changed", change="renewed"),
            happened("e1", "contract.changed", change="signed"),
        ],
    }

    def timeline(method: str, path: str, *, params: Mapping[str, str]) -> Any:
        assert path == "/v1/customers/C0000000000AN/timeline"
        assert (params["since"], params["until"]) == (
            "2023-12-31T16:00:00Z",
            "2024-01-11T16:00:00Z",
        )
        cursor = params.get("cursor")
        return {"touchpoints": pages[cursor], "next": None if cursor else "older"}

    monkeypatch.setattr(events, "ask", timeline)
    spend, enquiries = json.loads(score("explain", "C0000000000AN", "--events", "--json"))[
        "contributions"
    ]
    assert [event["event"] for event in spend["events"]] == ["e4", "e2", "T-1-4-state"]
    assert "events" not in enquiries
    shown = score("explain", "C0000000000AN", "--events")
    assert "spend: 2024-01-05T04:00:00Z purchase.completed e4" in shown
    assert "spend: 2024-01-09 ticket.breached T-1-4-state" in shown


FLOW = {
    "customers": 2_100,
    "moved": 40,
    "moves": 50,
    "flaps": 3,
    "retention": {"core": "0.6000", "edge": None},
    "flow": {"core": {"core": 60, "potential": 40}, "new": {"core": 2_000}},
}
FORECAST = {
    "until": "2024-07-08T00:00:00Z",
    "due": 9,
    "looked_at": 5,
    "summary": {
        "need": {"none": {"dormant": 3}},
        "risk": {"low": {"medium": 1, "high": 1}, "medium": {"low": 2}},
        "channel": {"app": {"": 2}},
    },
}


KPIS: dict[str, Any] = {
    "month": "2024-06",
    "currency": "CNY",
    "minor_digits": 2,
    "kpis": [
        {
            "name": "churn",
            "definition": "who fell silent",
            "value": "0.4100",
            "unit": "share",
            "counted": 41,
            "of": 1_000,
            "year_before": "0.5000",
            "change": "-0.1800",
            "target": {"of": "change", "at_least": None, "above": None, "at_most": "-0.18"},
            "met": True,
        },
        {
            "name": "clv",
            "definition": "net spend so far",
            "value": "5066666",
            "unit": "minor_units",
            "counted": 15_200_000,
            "of": 3,
            "year_before": "2533333",
            "change": "1.0000",
            "target": {"of": "change", "at_least": "0.30", "above": None, "at_most": None},
            "met": True,
        },
    ],
    "surveys": {
        "nps": {
            "answers": 3,
            "mean": "7.33",
            "deviation": "3.09",
            "promoters": 2,
            "passives": 0,
            "detractors": 1,
        }
    },
}


OF_TICKETS = {
    "month": "2024-06",
    "kpis": [
        {
            "name": "complaint_satisfaction",
            "definition": "hours to the first answer",
            "value": "0.50",
            "unit": "hours",
            "of": 4,
            "year_before": None,
            "change": None,
            "target": {"at_most": "1"},
            "met": True,
        }
    ],
}


def test_a_month_is_shown_with_its_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kpis, "ask", lambda *_, **__: deepcopy(KPIS))
    monkeypatch.setattr(kpis, "of_tickets", lambda *_, **__: OF_TICKETS)
    told = json.loads(score("kpis", "--month", "2024-06", "--json"))
    assert told == KPIS | {"kpis": KPIS["kpis"] + OF_TICKETS["kpis"]}
    shown = " ".join(score("kpis", "--month", "2024-06").split())
    for words in (
        "41.00 %",
        "1,000",
        "Δ ≤ -18.00 % ✓",
        "50,666.66 CNY",
        "7.33",
        "0.50 h 4",
        "≤ 1 h ✓",
        "100.00 % Δ ≥ 30.00 % ✓",
    ):
        assert words in shown


@pytest.mark.parametrize(
    ("arguments", "answer", "words"),
    [
        (["flow", "--month", "2024-06"], FLOW, ["2,000", "3 of 50 moves", "core 0.6000"]),
        (["forecast"], FORECAST, ["need by 2024-07-08", "dormant", "high  medium  low", "–"]),
        (["forecast"], FORECAST | {"summary": {}}, ["nothing moves by 2024-07-08"]),
    ],
)
def test_movements_are_shown_as_matrices(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], answer: dict[str, Any], words: list[str]
) -> None:
    monkeypatch.setattr(movements, "ask", lambda *_, **__: answer)
    assert json.loads(score(*arguments, "--json")) == answer
    shown = score(*arguments)
    assert [word for word in words if word not in shown] == []


FOUND: dict[str, Any] = {
    "customer": "C0000000000AN",
    "as_of": "2024-01-21T04:00:00Z",
    "total": "48.50",
    "tier": "core",
    "value": "high",
    "need": "none",
    "risk": "high",
    "tags": {"region": ["[east]"], "product": ["broadband", "mobile"]},
}
ALSO = FOUND | {"customer": "C0000000000BO"}


def test_customers_are_found_page_by_page_until_there_are_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pages = {
        "": {"customers": [FOUND], "next": "C3"},
        "C3": {"customers": [], "next": "C5"},
        "C5": {"customers": [ALSO], "next": "C6"},
    }
    asked = list[Mapping[str, Any]]()

    def answer(method: str, path: str, *, params: Mapping[str, Any]) -> Any:
        assert (method, path) == ("GET", "/v1/customers")
        asked.append(params)
        return pages[params["after"]]

    monkeypatch.setattr(finding, "ask", answer)
    tags = ("--tag", "product:broadband", "--tag", "product:mobile")
    line = ("find", "--tier", "core", "--risk", "high", *tags, "--limit", "2")
    assert json.loads(score(*line, "--json")) == {"customers": [FOUND, ALSO], "next": "C6"}
    wanted = {"tier": "core", "risk": "high", "tag": ["product:broadband", "product:mobile"]}
    assert asked == [
        {**wanted, "after": "", "limit": 2},
        {**wanted, "after": "C3", "limit": 1},
        {**wanted, "after": "C5", "limit": 1},
    ]
    shown = " ".join(score(*line).split())
    for words in ("C0000000000AN 48.50 core high none high", "[east]", "more: --after C6"):
        assert words in shown


def test_nobody_is_found_in_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "ask", lambda *_, **__: {"customers": [], "next": None})
    assert score("find") == "nobody\n"


def test_a_month_must_be_one() -> None:
    done = CliRunner().invoke(app, ["score", "kpis", "--month", "2024-13"])
    assert done.exit_code == 2
    assert "'2024-13' is no month such as 2026-06" in done.stderr


def test_both_languages_have_all_words() -> None:
    assert WORDS["en"].keys() == WORDS["zh"].keys()
