"""A number is changed: published, in force for everyone from one instant, and taken back."""

import json
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from careline_cli.replay import Pipeline
from careline_contracts.envelope import from_text
from careline_localstack import LocalStack
from tests.journeys.conftest import Careline, next_monday

pytestmark = pytest.mark.stack

SOLD = {
    "specversion": "1.0",
    "id": "sold-in-auckland",
    "source": "/store/auckland",
    "type": "careline.purchase.completed.v1",
    "data": {
        "identities": [{"kind": "member_card", "value": "auckland-1"}],
        "amount_minor": 200_000,
        "currency": "NZD",
    },
}


async def decided(stack: LocalStack) -> set[str]:
    """By which policies customers were decided about."""
    connection = await asyncpg.connect(stack.endpoints.databases["scoring"])
    query = "SELECT DISTINCT policy_version FROM customers WHERE tier > '' AND merged_into IS NULL"
    found = await connection.fetch(query)
    await connection.close()
    return {version for (version,) in found}


async def test_a_number_is_changed_for_everyone_and_taken_back(
    running_services: LocalStack, careline: Careline, pipeline: Pipeline, tmp_path: Path
) -> None:
    url = f"{running_services.endpoints.services['ingest']}/v1/touchpoints"
    is_json = {"content-type": "application/cloudevents+json"}
    monday = await next_monday(pipeline)
    sold = json.dumps(SOLD | {"time": monday.isoformat()})
    async with httpx.AsyncClient(headers=is_json) as http:
        assert (await http.post(url, content=sold)).status_code == 202
    await pipeline.tick(monday)
    live = careline("policy", "show", "--json")
    file = tmp_path / "with-nzd.yaml"
    rates = "  rates:\n    NZD: 4.3 # a shop in Auckland\n"
    file.write_text(live["text"].replace("  rates:\n", rates), encoding="utf-8")
    [difference] = careline("policy", "diff", str(file), "--json")
    assert (difference["path"], difference["after"]) == ("money.rates.NZD", 4.3)

    unchanged = careline("policy", "backtest", live["path"], "--days", "20", "--json")
    assert unchanged["customers"] >= 1 and unchanged["moved"] == 0
    assert all(row == {tier: row[tier]} for tier, row in unchanged["flow"].items())
    shown = tmp_path / "backtest.html"
    tried = careline("policy", "backtest", str(file), "--html", str(shown), "--json")
    assert tried["score"]["changed"] >= 1 and tried["candidate"] in shown.read_text("utf-8")

    said = careline("policy", "publish", str(file), "--note", "we sell in Auckland", "--json")
    effective_at = from_text(said["effective_at"], name="effective_at")
    assert careline("policy", "show", "--json")["version"] == live["version"], "not yet"
    careline("policy", "publish", str(file), exit_code=1)  # it is about to be
    await pipeline.tick(effective_at)

    assert await decided(running_services) == {said["version"]}
    assert careline("policy", "show", "--json")["version"] == said["version"]
    [row] = history(careline("policy", "history", "--json"))
    assert row == ("in force", said["version"], "we sell in Auckland", None)

    refused = ("policy", "publish", str(file), "--from", said["effective_at"])
    careline(*refused, exit_code=1)
    back = careline("policy", "rollback", "--note", "the shop is closed", "--json")
    again = careline("policy", "rollback", "--json")
    assert (back["version"], again["version"]) == (live["version"], said["version"])
    back = careline("policy", "rollback", "--to", live["version"], "--json")
    await pipeline.tick(from_text(back["effective_at"], name="effective_at"))

    assert await decided(running_services) == {live["version"]}
    first, *between, last = history(careline("policy", "history", "--json"))
    assert first == ("former", said["version"], "we sell in Auckland", None)
    assert [row[:3] for row in between] == [
        ("former", live["version"], "the shop is closed"),
        ("former", said["version"], ""),
    ]
    assert last == ("in force", live["version"], "", live["version"])

    # held against the targets of the policies in force: scoring's ten figures, ticketing's two
    month = careline("score", "kpis", "--month", f"{monday:%Y-%m}", "--json")
    names = {one["name"] for one in month["kpis"]}
    assert len(names) == 12 and {"clv", "response", "complaint_satisfaction"} < names
    assert month["policy_version"] == live["version"]


def history(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    for row in rows:
        assert row["rescored"]["is_done"] and row["rescored"]["customers"] >= 1
        assert row["rescored"]["done"] == row["rescored"]["customers"]
    return [tuple(row[name] for name in ("state", "version", "note", "restores")) for row in rows]


async def test_a_field_is_added_to_the_record_while_everything_runs(
    careline: Careline, pipeline: Pipeline, tmp_path: Path
) -> None:
    card, of_profile = "wine-club-1", ("--service", "profile")
    await pipeline.tick(await next_monday(pipeline))
    live = careline("policy", "show", *of_profile, "--json")
    file = tmp_path / "profile.yaml"
    club = "    wine_club:\n      shares: value # the cellar sends its parcels by it\n"
    with_club = live["text"].replace("\n  fields:\n", f"\n  fields:\n{club}", 1)
    file.write_text(with_club, encoding="utf-8")

    await says_more(pipeline, card, "too early", wine_club="silver")
    said = careline("policy", "publish", str(file), *of_profile, "--note", "a club", "--json")
    await pipeline.tick(from_text(said["effective_at"], name="effective_at"))
    await says_more(pipeline, card, "in time", wine_club="gold")

    found = await pipeline.get("profile", f"/v1/customers?identity=member_card:{card}")
    shown = careline("customer", "show", f"member_card:{card}", "--json")
    assert shown["record"] == found["record"]
    [value] = shown["record"]["fields"]["wine_club"]
    assert (value["value"], value["is_personal"]) == ("gold", False)
    past = careline("customer", "history", f"member_card:{card}", "--json")
    assert [change["after"] for change in past["changes"]] == ["gold"], "silver came too early"

    back = careline("policy", "rollback", *of_profile, "--note", "it is closed", "--json")
    assert back["version"] == live["version"]
    await pipeline.tick(from_text(back["effective_at"], name="effective_at"))
    past = careline("customer", "history", f"member_card:{card}", "--json")
    assert past["changes"] == [], "what is kept of a field that there is no more is not shown"
    shown = careline("customer", "show", f"member_card:{card}", "--json")
    assert "wine_club" not in shown["record"]["fields"], "nor is the card that showed it"


async def says_more(pipeline: Pipeline, card: str, id: str, **more: str) -> None:
    """Profile knows what somebody says about the customer beyond the fields that all have."""
    said = {
        "specversion": "1.0",
        "id": f"{card}-{id}",
        "source": "/store/cellar",
        "type": "careline.details.given.v1",
        # long past: it is recorded as the clock stands
        "time": "2024-02-01T10:00:00+08:00",
        "data": {"identities": [{"kind": "member_card", "value": card}], "more": more},
    }
    url = f"{pipeline.endpoints.services['ingest']}/v1/touchpoints"
    is_json = {"content-type": "application/cloudevents+json"}
    async with httpx.AsyncClient(headers=is_json) as http:
        assert (await http.post(url, content=json.dumps(said))).status_code == 202
    await pipeline.drain()
