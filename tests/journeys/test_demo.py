"""The README's first command, as a user runs it, on the real purchases alone."""

import json
import os
import subprocess
import sys
from datetime import date
from importlib import util
from pathlib import Path
from types import ModuleType

import pytest

from careline_cli.demo.story import POLICIES, PURCHASES

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
    assert services["profile"]["in"] == services["scoring"]["in"] == 69_659
