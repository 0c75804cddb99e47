"""The replay clock passes an instant for who decides last when all others have spoken."""

from datetime import UTC, datetime, timedelta

import pytest

from careline_cli.replay import DECIDES_LAST
from careline_contracts.events.operations import ClockTicked
from careline_contracts.topics import CATALOGUE, SERVICES

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
BEFORE = NOON - timedelta(days=1)


@pytest.mark.parametrize(
    ("service", "now"),
    [
        pytest.param("engagement", BEFORE, id="waits for what the others say"),
        pytest.param("scoring", NOON, id="goes first"),
    ],
)
def test_a_tick_says_who_is_still_at_an_earlier_instant(service: str, now: datetime) -> None:
    assert ClockTicked(now=NOON, still={"engagement": BEFORE}).at(service) == now


def test_nobody_else_hears_what_is_decided_last() -> None:
    others = {*SERVICES} - {*DECIDES_LAST}
    heard = {t.name for t in CATALOGUE if t.owner in DECIDES_LAST and others & {*t.readers}}
    assert not heard
