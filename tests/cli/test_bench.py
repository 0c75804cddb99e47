"""The bench, made short: it runs to its end and gives every figure that scripts read."""

import asyncio
from typing import Any

import pytest

from careline_cli.bench.care import CareLoad
from careline_cli.bench.command import Load, Part, measured
from careline_cli.bench.tickets import TicketLoad
from careline_cli.bench.timers import Crowd
from careline_contracts.topics import SERVICES
from careline_localstack import LocalStack

pytestmark = pytest.mark.stack

Figures = dict[str, Any]

LOAD = Load(
    events=1_000,
    customers=100,
    seed=7,
    backtest_customers=1_000,
    profile_customers=1_000,
    idle_seconds=1,
    latency_seconds=1,
    crowd=Crowd(few=200, many=600, due_alike=100, due=200, live_seconds=1, visits=200, visitors=50),
    tickets=TicketLoad(opened=200, waiting=500, due=100, due_within_seconds=2, idle_seconds=1),
    care=CareLoad(
        touchpoints=1_000,
        orders=200,
        customers=50,
        calendars=1_000,
        due=100,
        due_within_seconds=2,
        idle_seconds=1,
    ),
)


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Figures:
    """All parts, one after the other on one stack."""
    stack = LocalStack(tmp_path_factory.mktemp("bench"))
    try:
        return asyncio.run(measured(stack, LOAD, parts=tuple(Part)))
    finally:
        stack.stop()


@pytest.mark.parametrize(
    ("part", "names"),
    [
        pytest.param(
            "",
            """
            ceiling_events_per_second ceiling_quiet_events_per_second pipeline_events_per_second
            pipeline_ratio cpu_us_per_touchpoint stages edge latency_p99_ms rss_mb idle_cpu_percent
            backtest_seconds backtest_customers timers tickets care profile events customers seed
            """,
            id="all",
        ),
        pytest.param("stages", " ".join(SERVICES), id="stages"),
        pytest.param("rss_mb", " ".join(SERVICES), id="memory"),
        pytest.param(
            "cpu_us_per_touchpoint",
            f"{' '.join(SERVICES)} kafka postgres valkey driver",
            id="CPU of a touchpoint",
        ),
        pytest.param(
            "edge",
            """
            send_events_per_second send_cpu_us http_batch_events_per_second http_batch_ratio
            http_batch_cpu_us kafka_raw_events_per_second kafka_raw_ratio kafka_raw_cpu_us
            single_post_p99_ms
            """,
            id="edge",
        ),
        pytest.param(
            "tickets",
            """
            opened opened_per_second opened_cpu_us idle_cpu_percent idle_cpu_percent_with_waiting
            waiting due due_cpu_us lateness_p50_ms lateness_p99_ms
            """,
            id="tickets",
        ),
        pytest.param(
            "care",
            """
            orders orders_per_second order_cpu_us idle_cpu_percent idle_cpu_percent_with_calendars
            calendars due due_per_second due_cpu_us lateness_p50_ms lateness_p99_ms
            decisions decisions_said_per_second decisions_heard_per_second against_scoring
            """,
            id="care",
        ),
    ],
)
def test_every_figure_is_measured(figures: Figures, part: str, names: str) -> None:
    assert set(figures[part] if part else figures) == set(names.split())


def test_the_pipeline_and_each_stage_are_set_against_the_ceiling(figures: Figures) -> None:
    ceiling, pipeline = (figures[f"{name}_events_per_second"] for name in ("ceiling", "pipeline"))
    assert figures["ceiling_quiet_events_per_second"] > 0
    assert figures["pipeline_ratio"] == pytest.approx(pipeline / ceiling, abs=0.01)
    for stage in figures["stages"].values():
        assert set(stage) == {"events_per_second", "ratio", "cpu_us"}
        assert stage["ratio"] == pytest.approx(stage["events_per_second"] / ceiling, abs=0.01)


def test_cpu_time_memory_and_latency_are_those_of_processes_that_ran(figures: Figures) -> None:
    used = figures["cpu_us_per_touchpoint"]
    assert all(microseconds >= 0 for microseconds in used.values())
    assert all(used[name] > 0 for name in ("scoring", "postgres"))
    assert all(megabytes > 10 for megabytes in figures["rss_mb"].values())
    assert figures["latency_p99_ms"] > 0
    assert 0 <= figures["idle_cpu_percent"] < 500


def test_the_edge_is_set_against_a_bare_producer(figures: Figures) -> None:
    edge = figures["edge"]
    # a thousand raw records are gone in no time
    measurable = {name for name in edge if not name.startswith("kafka_raw")}
    assert all(edge[name] > 0 for name in measurable)


def test_profile_is_measured_among_few_and_among_many(figures: Figures) -> None:
    profile = figures["profile"]
    assert set(profile["by_customers"]) == {"100", "1000"}
    # all that is here may be handled at the first look, and none be left to watch the pace of
    for pace in profile["by_customers"].values():
        assert min(pace["ratio"], pace["cpu_us"], pace["database_cpu_us"]) >= 0
    assert set(profile["lookup_p99_ms"]) == {"hot", "cold"}
    assert all(milliseconds > 0 for milliseconds in profile["lookup_p99_ms"].values())


def test_a_policy_is_tried_and_timers_fire_at_a_measurable_pace(figures: Figures) -> None:
    assert figures["backtest_seconds"] > 0
    timers = figures["timers"]
    assert (timers["customers"], timers["due"]) == (600, 200)
    rates = ("fired_per_second", "rescored_per_second", "timer_cpu_us", "cost_of_size")
    events = ("event_cpu_us", "event_cost_of_size", "event_cpu_us_of_strangers")
    assert all(timers[name] > 0 for name in (*rates, *events))
    assert {"live_slowed_by", "live_slowed_by_a_policy"} < set(timers)


@pytest.mark.parametrize("part", ["tickets", "care"])
def test_what_falls_due_is_said_late_never_early(figures: Figures, part: str) -> None:
    measure = figures[part]
    assert 0 < measure["lateness_p50_ms"] <= measure["lateness_p99_ms"]


def test_what_is_opened_and_ordered_has_a_cost(figures: Figures) -> None:
    assert figures["tickets"]["opened_per_second"] > 0
    assert set(figures["care"]["order_cpu_us"]) == {"engagement", "postgres"}
