"""What ticketing measures about itself: what is open, who waits, and how forecasts came out."""

from datetime import UTC, datetime

import pytest
from prometheus_client import REGISTRY

from careline_ticketing.gauges import Gauges
from tests.ticketing.by_hand import (
    POLICY,
    Stage,
    always,
    assignment,
    at,
    complaint,
    enquiry,
    fault,
    pause,
    resolution,
    resumption,
)

pytestmark = pytest.mark.stack


def shown(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"careline_{name}", labels)


class Present:
    """A clock that a test sets."""

    now = at(hours=1)

    def __call__(self) -> datetime:
        return self.now


def gauges_of(stage: Stage, present: Present) -> Gauges:
    return Gauges(lambda: stage.engine.connect(), stage.stage.unit, always(POLICY), present)


async def test_what_is_open_and_who_waits_longest(stage: Stage) -> None:
    await stage.play(
        [
            fault(at(), customer="C1", reference="r"),
            assignment(at(minutes=5), "r", customer="C1", team="field", agent="li"),
            fault(at(minutes=15), customer="C2"),
            fault(at(minutes=30), customer="C3"),
            enquiry(at(), customer="C4", reference="q"),
            resolution(at(minutes=50), "q", customer="C4"),
        ]
    )
    await gauges_of(stage, Present()).refresh()

    assert shown("tickets_active", level="L2", team="field") == 1, "the holder's team"
    assert shown("tickets_active", level="L2", team="technical") == 2, "else the kind's"
    assert shown("tickets_active", level="L3", team="sales") is None, "that is resolved"
    assert shown("ticket_queue_age_seconds", team="technical") == 45 * 60
    assert shown("ticket_queue_age_seconds", team="sales") == 0
    year = POLICY.known_through
    assert year is not None
    end = datetime(year + 1, 1, 1, tzinfo=UTC)
    assert shown("calendar_known_until_timestamp_seconds") == end.timestamp()


async def test_a_forecast_is_held_against_what_came_once(stage: Stage) -> None:
    def outcomes() -> list[float]:
        labels = [("kept", "kept"), ("kept", "late"), ("late", "kept"), ("late", "late")]
        return [
            shown("ticket_forecasts_total", foreseen=foreseen, actual=actual) or 0.0
            for foreseen, actual in labels
        ]

    before, present = outcomes(), Present()
    gauges = gauges_of(stage, present)
    await stage.play(
        [
            complaint(at(), customer="C1", reference="r"),
            complaint(at(), customer="C2", reference="r"),
        ]
    )
    await gauges.refresh()
    assert outcomes() == before, "nothing has come yet"

    late = at(hours=50)
    await stage.play([resolution(at(hours=20), "r", customer="C1")])
    await stage.play([resolution(late, "r", customer="C2")])
    present.now = late
    for _ in range(2):
        await gauges.refresh()

    came = [after - was for after, was in zip(outcomes(), before, strict=True)]
    assert came == [1, 1, 0, 0]


async def test_a_doubtful_pause_is_counted(stage: Stage) -> None:
    before = shown("ticket_pauses_doubtful_total", level="L3") or 0.0
    await stage.play([complaint(at(), reference="r"), pause(at(hours=47, minutes=50), "r")])
    await stage.play([resumption(at(hours=60), "r")])

    assert shown("ticket_pauses_doubtful_total", level="L3") == before + 1
