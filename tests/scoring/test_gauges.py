"""What scoring measures: everybody has a tier, and whoever came due was rescored, once."""

from datetime import timedelta

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from careline_scoring.gauges import EVERY, Gauges
from careline_scoring.model import Decision, History
from careline_scoring.rules import Rulebook
from tests.scoring.by_hand import Scoring, noon

pytestmark = pytest.mark.stack


def shown(name: str, **labels: str) -> float:
    found = REGISTRY.get_sample_value(f"careline_scoring_{name}", labels)
    assert found is not None
    return found


async def test_coverage_is_the_share_of_known_customers_who_have_a_tier(scoring: Scoring) -> None:
    now = noon(10)
    gauges = Gauges(scoring.engine.connect, lambda: scoring.timeline, lambda: now)
    await scoring.hear(
        [
            scoring.purchase("C-ann", 25_000, day=0),
            scoring.activity("C-bob", day=0),
            scoring.activity("C-carl", day=0),
            scoring.merge("C-bob", "C-carl", day=1),
        ]
    )
    assert await gauges.refresh() == 0
    assert (shown("customers_active", tier="basic"), shown("customers_active", tier="edge")) == (
        1,
        1,
    )
    assert shown("tier_coverage_ratio") == 1
    async with scoring.engine.begin() as connection:
        await connection.execute(text("UPDATE customers SET tier = NULL WHERE number = 'C-bob'"))
    await gauges.refresh()
    assert shown("tier_coverage_ratio") == 1, "counted a moment ago"
    now += EVERY + timedelta(seconds=1)
    await gauges.refresh()
    assert shown("tier_coverage_ratio") == 0.5


async def test_what_comes_due_is_rescored_once_and_never_in_vain(scoring: Scoring) -> None:
    def counted() -> tuple[float, float, float]:
        rescored = shown("rescored_total", why="timer")
        return shown("due_total"), rescored, shown("due_unchanged_total")

    await scoring.hear([scoring.activity(f"C-{n}", day=n) for n in range(5)])
    due, rescored, unchanged = counted()
    await scoring.tick(noon(90))
    now_due, now_rescored, now_unchanged = counted()
    # quiet for a quarter, on the 90th day: 0 … 0
    assert (now_due - due, now_rescored - rescored, now_unchanged - unchanged) == (1, 1, 0)


async def test_a_score_that_does_not_add_up_is_found_when_it_is_written(
    scoring: Scoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide = Rulebook.decide

    def give_a_point_away(rulebook: Rulebook, history: History, day: int) -> Decision:
        decision = decide(rulebook, history, day)
        first, *others = decision.points
        return decision._replace(points=(first + 100, *others))

    before = shown("score_mismatches_total")
    await scoring.hear([scoring.activity("C-ann", day=0)])
    assert shown("score_mismatches_total") == before
    monkeypatch.setattr(Rulebook, "decide", give_a_point_away)
    await scoring.hear([scoring.purchase("C-ann", 100, day=1)])
    assert shown("score_mismatches_total") == before + 1
