"""The figures of a run as a person reads them: what was measured, part by part."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table


def as_table(figures: Mapping[str, Any]) -> Table:
    """Of whatever parts were measured."""
    table = Table("", "events/s", "ratio", "CPU an event", box=None)
    if "pipeline_ratio" in figures:
        _add_services(table, figures)
    if "edge" in figures:
        _add_edge(table, figures["edge"])
    if "tickets" in figures:
        _add_tickets(table, figures["tickets"])
    if "care" in figures:
        _add_care(table, figures["care"])
    if "profile" in figures:
        _add_profile(table, figures["profile"])
    if "backtest_seconds" in figures:
        table.add_section()
        words = f"back-test of {figures['backtest_customers']:,} customers over a month"
        table.add_row(words, f"{figures['backtest_seconds']} s")
    if "timers" in figures:
        _add_timers(table, figures["timers"])
    return table


def _add_timers(table: Table, timers: Mapping[str, Any]) -> None:
    table.add_section()
    words = f"{timers['due']:,} timers of a midnight, others coming by"
    table.add_row(words, f"{timers['fired_per_second']:,}", "", f"{timers['timer_cpu_us']} µs")
    words = f"a timer among {timers['customers']:,} customers, against few"
    table.add_row(words, "", f"{timers['cost_of_size']:.2f}")
    words = f"an event among {timers['customers']:,} customers, against few"
    event = f"{timers['event_cpu_us']} µs"
    table.add_row(words, "", f"{timers['event_cost_of_size']:.2f}", event)
    strangers = f"{timers['event_cpu_us_of_strangers']} µs"
    table.add_row("  of somebody who comes once", "", "", strangers)
    table.add_row("others slowed meanwhile", "", f"{timers['live_slowed_by']:.0%}")
    table.add_row("customers rescored by a policy", f"{timers['rescored_per_second']:,}")
    table.add_row("others slowed meanwhile", "", f"{timers['live_slowed_by_a_policy']:.0%}")


def _add_services(table: Table, figures: Mapping[str, Any]) -> None:
    ceiling = figures["ceiling_events_per_second"]
    quiet = figures["ceiling_quiet_events_per_second"]
    pipeline = figures["pipeline_events_per_second"]
    table.add_row("ceiling: FastStream as its tutorial starts it", f"{ceiling:,}", "1.00")
    table.add_row("the same without its log", f"{quiet:,}", f"{quiet / ceiling:.2f}")
    together = sum(figures["cpu_us_per_touchpoint"].values())
    ratio = f"{figures['pipeline_ratio']:.2f}"
    table.add_row("pipeline", f"{pipeline:,}", ratio, f"{together:.0f} µs")
    for name, microseconds in figures["cpu_us_per_touchpoint"].items():
        table.add_row(f"  of which {name}", "", "", f"{microseconds:.0f} µs")
    for name, stage in figures["stages"].items():
        _add_pace(
            table, f"{name} alone", stage["events_per_second"], stage["ratio"], stage["cpu_us"]
        )
    table.add_section()
    table.add_row("p99, accepted → tier change received", f"{figures['latency_p99_ms']} ms")
    for name, megabytes in figures["rss_mb"].items():
        table.add_row(f"memory of {name}", f"{megabytes} MB")
    table.add_row("idle, five services", f"{figures['idle_cpu_percent']} % of a core")


def _add_edge(table: Table, edge: Mapping[str, Any]) -> None:
    table.add_section()
    for name, words in (
        ("send", "aiokafka's bare send of the same records"),
        ("http_batch", "edge, HTTP batches"),
        ("kafka_raw", "edge, raw topics"),
    ):
        _add_pace(
            table,
            words,
            edge[f"{name}_events_per_second"],
            edge.get(f"{name}_ratio", 1),
            edge[f"{name}_cpu_us"],
        )
    table.add_row("p99 of a POST at 200 a second", f"{edge['single_post_p99_ms']} ms")


def _add_tickets(table: Table, tickets: Mapping[str, Any]) -> None:
    table.add_section()
    rate, microseconds = f"{tickets['opened_per_second']:,}", f"{tickets['opened_cpu_us']} µs"
    table.add_row("tickets opened and clocked", rate, "", microseconds)
    for name, words in (("", "without tickets"), ("_with_waiting", f"with {tickets['waiting']:,}")):
        percent = tickets[f"idle_cpu_percent{name}"]
        table.add_row(f"idle, ticketing and PostgreSQL, {words}", f"{percent} % of a core")
    due = f"{tickets['due']:,} promises due in a minute, p99 until a consumer knows"
    late = f"{tickets['lateness_p99_ms']} ms"
    table.add_row(due, late, "", f"{tickets['due_cpu_us']} µs")


def _add_care(table: Table, care: Mapping[str, Any]) -> None:
    table.add_section()
    said, heard = (care[f"decisions_{what}_per_second"] for what in ("said", "heard"))
    table.add_row("decisions of scoring, alone", f"{said:,}")
    table.add_row("  cared for, alone", f"{heard:,}", f"{care['against_scoring']:.2f}")
    microseconds = sum(care["order_cpu_us"].values())
    rate = f"{care['orders_per_second']:,}"
    table.add_row("orders of customers with playbooks", rate, "", f"{microseconds} µs")
    calendars = f"with {care['calendars']:,}"
    for name, words in (("", "without calendars"), ("_with_calendars", calendars)):
        percent = care[f"idle_cpu_percent{name}"]
        table.add_row(f"idle, engagement and PostgreSQL, {words}", f"{percent} % of a core")
    due = f"{care['due']:,} steps due at {care['due_per_second']:,}/s, p99 until a consumer knows"
    table.add_row(due, f"{care['lateness_p99_ms']} ms", "", f"{care['due_cpu_us']} µs")


def _add_profile(table: Table, profile: Mapping[str, Any]) -> None:
    table.add_section()
    table.add_row("ceiling, in this part", f"{profile['ceiling_events_per_second']:,}", "1.00")
    for size, pace in profile["by_customers"].items():
        words = f"profile among {int(size):,} customers"
        _add_pace(table, words, pace["events_per_second"], pace["ratio"], pace["cpu_us"])
    for whose, milliseconds in profile["lookup_p99_ms"].items():
        table.add_row(f"p99 of a look-up by identity, {whose}", f"{milliseconds} ms")


def _add_pace(table: Table, words: str, rate: int, ratio: float, microseconds: float) -> None:
    table.add_row(words, f"{rate:,}", f"{ratio:.2f}", f"{microseconds:.0f} µs")
