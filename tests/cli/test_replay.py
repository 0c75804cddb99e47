"""The replay clock passes an instant for who decides last when all before have spoken."""

from datetime import UTC, datetime, timedelta

import pytest

from careline_cli.replay import DECIDES_LAST
from careline_contracts.events.operations import ClockTicked
from careline_contracts.topics import CATALOGUE, SERVICES, TIER_CHANGES

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
BEFORE = NOON - timedelta(days=1)


@pytest.mark.parametrize(
    ("service", "now"),
    [
        pytest.param("engagement", BEFORE, id="waits for what the others say"),
        pytest.param("ticketing", NOON, id="goes first"),
    ],
)
def test_a_tick_says_who_is_still_at_an_earlier_instant(service: str, now: datetime) -> None:
    assert ClockTicked(now=NOON, still={"engagement": BEFORE}).at(service) == now


def test_nobody_hears_what_is_decided_after_them_but_ticketing_the_tiers() -> None:
    """Which weigh in crises and queues; no promise depends on them."""
    ranks = dict.fromkeys(SERVICES, 0) | {s: n for n, s in enumerate(DECIDES_LAST, 1)}
    assert {
        (topic.name, reader)
        for topic in CATALOGUE
        for reader in ranks.keys() & {*topic.readers}
        if ranks[reader] < ranks.get(topic.owner, 0)
    } == {(TIER_CHANGES.name, "ticketing")}
