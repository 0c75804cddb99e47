"""The bench, made short: it runs to its end and gives every figure that scripts read."""

from pathlib import Path

import pytest

from careline_cli.bench.care import CareLoad
from careline_cli.bench.command import Load, Part, measured
from careline_cli.bench.tickets import TicketLoad
from careline_cli.bench.timers import Crowd
from careline_contracts.topics import SERVICES
from careline_localstack import LocalStack

pytestmark = pytest.mark.stack


async def test_every_figure_is_measured(tmp_path: Path) -> None:
    stack = LocalStack(tmp_path)
    try:
        load = Load(
            events=1_000,
            customers=100,
            seed=7,
            backtest_customers=1_000,
            profile_customers=1_000,
            idle_seconds=1,
            latency_seconds=1,
            crowd=Crowd(few=200, many=600, due_alike=100, due=200, live_seconds=1),
            tickets=TicketLoad(
                opened=200, waiting=500, due=100, due_within_seconds=2, idle_seconds=1
            ),
            care=CareLoad(
                orders=200,
                customers=50,
                calendars=1_000,
                due=100,
                due_within_seconds=2,
                idle_seconds=1,
            ),
        )
        figures = await measured(stack, load, parts=tuple(Part))
    finally:
        stack.stop()
    assert set(figures) == {
        "ceiling_events_per_second",
        "ceiling_quiet_events_per_second",
        "pipeline_events_per_second",
        "pipeline_ratio",
        "cpu_us_per_touchpoint",
        "stages",
        "edge",
        "latency_p99_ms",
        "rss_mb",
        "idle_cpu_percent",
        "backtest_seconds",
        "backtest_customers",
        "timers",
        "tickets",
        "care",
        "profile",
        "events",
        "customers",
        "seed",
    }
    ceiling, pipeline = (figures[f"{name}_events_per_second"] for name in ("ceiling", "pipeline"))
    assert figures["ceiling_quiet_events_per_second"] > 0
    assert figures["pipeline_ratio"] == pytest.approx(pipeline / ceiling, abs=0.01)
    assert set(figures["stages"]) == set(figures["rss_mb"]) == set(SERVICES)
    for stage in figures["stages"].values():
        assert set(stage) == {"events_per_second", "ratio", "cpu_us"}
        assert stage["ratio"] == pytest.approx(stage["events_per_second"] / ceiling, abs=0.01)
    everything = {*SERVICES, "kafka", "postgres", "valkey", "driver"}
    assert set(figures["cpu_us_per_touchpoint"]) == everything
    assert all(microseconds >= 0 for microseconds in figures["cpu_us_per_touchpoint"].values())
    assert all(figures["cpu_us_per_touchpoint"][name] > 0 for name in ("scoring", "postgres"))
    assert all(megabytes > 10 for megabytes in figures["rss_mb"].values())
    assert figures["latency_p99_ms"] > 0
    assert 0 <= figures["idle_cpu_percent"] < 500
    assert figures["backtest_seconds"] > 0
    timers = figures["timers"]
    assert (timers["customers"], timers["due"]) == (600, 200)
    rates = ("fired_per_second", "rescored_per_second", "timer_cpu_us", "cost_of_size")
    assert all(timers[name] > 0 for name in rates)
    assert {"live_slowed_by", "live_slowed_by_a_policy"} < set(timers)
    tickets = figures["tickets"]
    assert set(tickets) == {
        "opened",
        "opened_per_second",
        "opened_cpu_us",
        "idle_cpu_percent",
        "idle_cpu_percent_with_waiting",
        "waiting",
        "due",
        "due_cpu_us",
        "lateness_p50_ms",
        "lateness_p99_ms",
    }
    assert tickets["opened_per_second"] > 0
    assert 0 < tickets["lateness_p50_ms"] <= tickets["lateness_p99_ms"]
    care = figures["care"]
    assert set(care) == {
        "orders",
        "orders_per_second",
        "order_cpu_us",
        "idle_cpu_percent",
        "idle_cpu_percent_with_calendars",
        "calendars",
        "due",
        "due_per_second",
        "due_cpu_us",
        "lateness_p50_ms",
        "lateness_p99_ms",
    }
    assert set(care["order_cpu_us"]) == {"engagement", "postgres"}
    assert 0 < care["lateness_p50_ms"] <= care["lateness_p99_ms"]
    profile = figures["profile"]
    assert set(profile["by_customers"]) == {"100", "1000"}
    assert all(pace["ratio"] >= 0 < pace["cpu_us"] for pace in profile["by_customers"].values())
    assert set(profile["lookup_p99_ms"]) == {"hot", "cold"}
    assert all(milliseconds > 0 for milliseconds in profile["lookup_p99_ms"].values())
    edge = figures["edge"]
    assert set(edge) == {
        "send_events_per_second",
        "send_cpu_us",
        "http_batch_events_per_second",
        "http_batch_ratio",
        "http_batch_cpu_us",
        "kafka_raw_events_per_second",
        "kafka_raw_ratio",
        "kafka_raw_cpu_us",
        "single_post_p99_ms",
    }
    kafka = {
        name for name in edge if name.startswith("kafka_raw")
    }  # a thousand are gone in no time
    assert all(edge[name] > 0 for name in edge.keys() - kafka)
