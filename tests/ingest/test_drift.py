"""A source that is silent or drifts is found, and an ordinary week with a closed Sunday is not."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careline_ingest.drift import Mix, mix_drifts, rate_drift, silence
from careline_ingest.policy import IngestPolicy, WatchPolicy

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
FIRST_HOUR = int(MONDAY.timestamp()) // 3600

Rate = Callable[[datetime], float]


@pytest.fixture(scope="session")
def watch_policy(policy: IngestPolicy) -> WatchPolicy:
    return policy.watch


def shop(at: datetime) -> float:
    """Open from 9 to 18, closed on Sundays: 10 events an hour."""
    return 10 if 9 <= at.hour < 18 and at.weekday() != 6 else 0


def around_the_clock(at: datetime) -> float:
    return 20


def history(rate: Rate, until: datetime, *, silent_from: datetime | None = None) -> dict[int, int]:
    """Counts from Monday on; of the hour that `until` is in, only the events before it."""
    hours: dict[int, int] = {}
    at = MONDAY
    while at < until:
        share = min(1.0, (until - at) / timedelta(hours=1))
        if silent_from is None or at < silent_from:
            hours[int(at.timestamp()) // 3600] = round(rate(at) * share)
        at += timedelta(hours=1)
    return hours


def days(count: float) -> datetime:
    return MONDAY + timedelta(days=count)


@pytest.mark.parametrize(
    ("rate", "now", "silent_from", "is_silent"),
    [
        pytest.param(shop, days(13) + timedelta(hours=20), None, False, id="a closed Sunday"),
        pytest.param(shop, days(15) + timedelta(hours=5), None, False, id="a night"),
        pytest.param(
            shop, days(15) + timedelta(hours=11.3), days(14.9), False, id="19 events are missing"
        ),
        pytest.param(
            shop, days(15) + timedelta(hours=11.4), days(14.9), True, id="20 events are missing"
        ),
        pytest.param(around_the_clock, days(9) + timedelta(hours=1.1), days(9), True, id="an hour"),
        pytest.param(around_the_clock, days(6.9), days(5), False, id="a past of less than a week"),
        pytest.param(around_the_clock, days(13), days(8), True, id="for days"),
    ],
)
def test_silence(
    watch_policy: WatchPolicy,
    rate: Rate,
    now: datetime,
    silent_from: datetime | None,
    is_silent: bool,
) -> None:
    found = silence(history(rate, now, silent_from=silent_from), now, watch_policy)
    assert (found is not None) == is_silent


def test_silence_says_since_when_and_how_much_was_due(watch_policy: WatchPolicy) -> None:
    now = days(15) + timedelta(hours=12)
    found = silence(history(shop, now, silent_from=days(15)), now, watch_policy)
    assert found is not None
    assert (found.since, found.expected_events) == (days(14) + timedelta(hours=18), 25)


def test_nothing_known_is_not_silence(watch_policy: WatchPolicy) -> None:
    assert silence({}, MONDAY, watch_policy) is None
    assert rate_drift({}, MONDAY, watch_policy) is None


@given(seed=st.integers(0, 10_000), hour=st.integers(0, 23))
def test_chance_alone_raises_no_alarm(policy: IngestPolicy, seed: int, hour: int) -> None:
    chance = random.Random(seed)

    def rate(at: datetime) -> float:
        return shop(at) * chance.uniform(0.6, 1.4)

    now = days(14) + timedelta(hours=hour)
    counts = history(rate, now)
    assert silence(counts, now, policy.watch) is None
    assert rate_drift(counts, now, policy.watch) is None


@pytest.mark.parametrize(
    ("factor", "drifts"), [(0.4, True), (0.6, False), (1.0, False), (1.9, False), (2.2, True)]
)
def test_rate(watch_policy: WatchPolicy, factor: float, drifts: bool) -> None:
    now = days(12)

    def rate(at: datetime) -> float:
        return 20 * (factor if at >= days(11) else 1)

    assert (rate_drift(history(rate, now), now, watch_policy) is not None) == drifts


PAST = Mix({"call": 700, "missed": 300}, {("call", "agent"): 70})


@pytest.mark.parametrize(
    ("today", "kinds"),
    [
        pytest.param(Mix({"call": 70, "missed": 40}, {("call", "agent"): 7}), [], id="as ever"),
        pytest.param(Mix({"call": 9, "missed": 30}, {}), [], id="too few to say"),
        pytest.param(Mix({"call": 300, "missed": 700}, {}), ["type_mix"], id="other types"),
        pytest.param(Mix({"new": 100}, {}), ["type_mix"], id="a new type only"),
        pytest.param(
            Mix({"call": 700, "missed": 300}, {("call", "agent"): 690}),
            ["null_share"],
            id="nobody fills in the agent any more",
        ),
    ],
)
def test_mix(watch_policy: WatchPolicy, today: Mix, kinds: list[str]) -> None:
    assert [drift.kind for drift in mix_drifts(today, PAST, watch_policy)] == kinds
