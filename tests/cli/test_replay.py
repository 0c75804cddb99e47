"""The replay clock passes an instant for who decides last when all before have spoken."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from careline_cli.console import CommandError
from careline_cli.replay import DECIDES_LAST, Pipeline
from careline_contracts.events.operations import ClockTicked
from careline_contracts.topics import CATALOGUE, SERVICES, TIER_CHANGES
from careline_localstack import Endpoints

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


NOWHERE = Endpoints(dict.fromkeys(SERVICES, "http://127.0.0.1:1"), "127.0.0.1:1", {}, "")


@pytest.fixture
async def pipeline() -> AsyncIterator[Pipeline]:
    pipeline = Pipeline(NOWHERE)
    yield pipeline
    await pipeline.__aexit__(None, None, None)


async def test_a_clock_that_runs_by_itself_is_not_moved(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def statuses() -> dict[str, dict[str, bool]]:
        return {service: {"is_replay": service != "scoring"} for service in SERVICES}

    monkeypatch.setattr(pipeline, "statuses", statuses)
    with pytest.raises(CommandError, match="it runs") as refused:
        await pipeline.refuse_time_as_it_passes()
    assert refused.value.why.startswith("scoring:")


async def test_whose_clock_cannot_be_asked_for_is_told(pipeline: Pipeline) -> None:
    with pytest.raises(CommandError, match="answers"):
        await pipeline.refuse_time_as_it_passes()
