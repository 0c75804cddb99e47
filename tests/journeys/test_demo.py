"""The README's first command: as a user runs it on real purchases, and a short one with all."""

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from datetime import date, datetime, timedelta
from importlib import util
from pathlib import Path
from types import ModuleType

import pytest

from careline_cli.console import stdout
from careline_cli.demo.command import SEED, play
from careline_cli.demo.story import BEGINS_AT, POLICIES, PURCHASES, Story, read_story
from careline_cli.demo.summary import print_summary
from careline_cli.synthetic import purchases_in
from careline_client import Event
from careline_contracts.topics import SERVICES
from careline_localstack import LocalStack
from tests.journeys.canaries import good, secrets
from tests.journeys.places import all_places, open_in

pytestmark = pytest.mark.stack


def recomputed() -> ModuleType:
    """The independent recomputation, which shares no code with the services."""
    path = Path(__file__).with_name("test_cdnow_recomputed.py")
    spec = util.spec_from_file_location("cdnow_recomputed", path)
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_demo_on_real_purchases_gives_what_the_file_and_the_policy_give(
    tmp_path: Path,
) -> None:
    summary_file = tmp_path / "summary.json"
    done = subprocess.run(
        [sys.executable, "-m", "careline_cli", "demo", "--real-only", "--json", summary_file],
        env={**os.environ, "CARELINE_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert "23,544" in done.stdout
    assert "nothing synthetic" in done.stdout
    summary = json.loads(summary_file.read_text())

    assert summary["touchpoints"] == {"accepted": 69_659, "rejected": 0, "duplicate": 0}
    assert summary["customers"] == 23_544
    assert sum(summary["tiers"].values()) == 23_544, "every customer is in one tier"
    expected = recomputed().recompute(PURCHASES, POLICIES / "scoring.yaml", date(2022, 7, 1))
    for verdict in ("tiers", "value", "need", "risk"):
        assert summary[verdict] == {**dict.fromkeys(summary[verdict], 0), **expected[verdict]}
    cases = summary["cases"]
    ended = sum(cases[end] for end in ("saved", "lost", "withdrawn"))
    assert cases["opened"] == ended + cases["open"] > 0
    assert summary["tickets"]["opened"] == 0, "purchases are no problems"
    assert summary["dead_letters"] == 0
    services = summary["services"]
    assert services["ingest"]["in"] == services["ingest"]["out"] == 69_659
    assert services["profile"]["in"] == 69_659
    # activities, and each customer's state
    assert services["scoring"]["in"] == 69_659 + 23_544


def canaries(*, at: datetime) -> list[Event]:
    """Contacts of customers whose names are found wherever they are in clear."""
    return [
        Event(e["id"], e["source"], e["type"], at, json.dumps(e["data"]).encode())
        for e in good("http")
    ]


def a_spring_of_good_customers() -> Story:
    """Those who spent most in winter, until May: few enough for a test, and worth a case."""
    whole = read_story(real_only=False, seed=SEED)
    winter_ends_at, ends_at = (BEGINS_AT + timedelta(days=days) for days in (95, 130))
    card_of = {e.id: json.loads(e.data)["identities"][0]["value"] for e in whole.real}
    spent: Counter[str] = Counter()
    for purchase in purchases_in(whole.real):
        if purchase.at < winter_ends_at:
            spent[purchase.card] += purchase.amount_minor
    cards = {card for card, _ in spent.most_common(200)}
    return Story(
        real=[e for e in whole.real if card_of[e.id] in cards and e.occurred_at < ends_at],
        synthetic=[
            e
            for e in whole.synthetic
            if e.id.partition("-")[0] in cards and e.occurred_at < ends_at
        ]
        + canaries(at=ends_at - timedelta(days=30)),
        now=winter_ends_at,
        ends_at=ends_at,
    )


def test_the_demo_has_tickets_and_cases_says_what_is_made_up_and_tells_no_name(
    tmp_path: Path,
) -> None:
    story = a_spring_of_good_customers()
    stack = LocalStack(tmp_path)
    try:
        summary = play(story, stack, answers=True, seed=SEED)
        in_clear = open_in(asyncio.run(all_places(stack)), secrets("http"))
    finally:
        stack.stop()

    assert in_clear == set()
    assert set(summary) >= {"customers", "dead_letters", "policy_version", "seconds"}
    assert set(summary["touchpoints"]) == {"accepted", "rejected", "duplicate"}
    assert set(summary["tiers"]) == {"core", "potential", "basic", "edge"}
    assert set(summary["value"]) == {"high", "potential", "normal"}
    assert set(summary["need"]) >= {"active", "latent", "dormant"}
    assert set(summary["risk"]) == {"high", "medium", "low"}
    assert set(summary["cases"]) >= {"opened", "saved", "lost", "breached", "open"}
    assert set(summary["tickets"]) >= {"opened", "resolved", "breached", "open"}
    assert set(summary["services"]) == set(SERVICES)
    for counts in summary["services"].values():
        assert set(counts) == {"in", "out", "dead_letters"}
    assert summary["events_per_second"] > 0

    given = summary["input"]
    assert (given["real"], given["synthetic"]) == (len(story.real), len(story.synthetic))
    assert given["synthetic_answers"] > 0
    assert summary["touchpoints"] == {"accepted": story.sent, "rejected": 0, "duplicate": 0}
    assert sum(given.values()) == story.sent
    assert sum(summary["tiers"].values()) == summary["customers"] > 100
    cases, tickets = summary["cases"], summary["tickets"]
    assert cases["opened"] > 0
    assert tickets["opened"] == tickets["resolved"] + tickets["open"] > 0
    assert tickets["resolved"] > 0
    assert summary["dead_letters"] == 0

    with stdout.capture() as printed:
        print_summary(summary, stdout)
    made_up = given["synthetic"] + given["synthetic_answers"]
    assert f"{made_up:,} synthetic contacts (made up, from a seed" in printed.get()
