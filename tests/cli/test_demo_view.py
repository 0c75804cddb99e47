"""What the demo shows while it runs, on a terminal and in a log."""

from io import StringIO
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from careline_cli.demo.story import Story
from careline_cli.demo.view import View
from careline_cli.replay import Pipeline
from careline_contracts.topics import SERVICES


class Busy:
    """A pipeline in which every service handles a hundred events between two looks."""

    def __init__(self) -> None:
        self.looks = 0

    async def get(self, service: str, path: str) -> dict[str, Any]:
        return {
            "customers": 1_234,
            "tiers": {"core": 1, "potential": 2, "basic": 3, "edge": 1_228},
            "cases": {"open": 4, "opened": 9, "saved": 5},
            "tickets": {"open": 6, "opened": 60},
        }

    async def statuses(self) -> dict[str, Any]:
        self.looks += 1
        events = {"in": 100 * self.looks, "out": 7, "dead_letters": 0}
        return {service: {"events": events} for service in SERVICES}

    async def lags(self, statuses: Any) -> dict[str, int]:
        return dict(zip(SERVICES, (0, 1_500, 20, 3, 4), strict=True))


@pytest.mark.parametrize("is_terminal", [True, False])
async def test_every_look_shows_pace_and_lag_of_each_service(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool
) -> None:
    moments = iter([0.0, 20.0, 40.0])
    clock = SimpleNamespace(monotonic=lambda: next(moments))
    monkeypatch.setattr("careline_cli.demo.view.time", clock)
    console = Console(file=StringIO(), force_terminal=is_terminal, color_system=None, width=200)
    with View(cast("Pipeline", Busy()), console) as shown:
        for _ in range(2):
            await shown.show(Story(real=[], synthetic=[]))
    text = cast("StringIO", console.file).getvalue()
    assert "1,234 customers" in text
    assert "cases: 4 open of 9" in text
    if is_terminal:
        [profile] = [line for line in text.splitlines() if "profile" in line][-1:]
        assert profile.split()[:3] == ["profile", "5", "1,500"]
    else:
        assert len(text.splitlines()) == 2
        assert text.count("events/s (lag): ingest 5 (0), profile 5 (1,500), scoring 5 (20)") == 2
