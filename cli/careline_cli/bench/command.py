"""`careline bench`: one run that measures the ceiling and everything against it."""

import asyncio
import json
import logging
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from careline_cli.bench import measure
from careline_cli.bench.backtest import backtest_seconds
from careline_cli.bench.edge import measure_edge
from careline_cli.checkout import stack_of_its_own
from careline_cli.console import progress, stdout, writable
from careline_contracts.topics import SERVICES
from careline_localstack import LocalStack, ServiceOptions

LATENCY_EVENTS_PER_SECOND = 500


def bench(
    json_file: Annotated[
        Path | None,
        typer.Option("--json", callback=writable, help="Also write the figures into this file."),
    ] = None,
    events: Annotated[int, typer.Option(min=1_000, help="Touchpoints of the load.")] = 60_000,
    customers: Annotated[int, typer.Option(min=10, help="Customers of the load.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Seed of the load.")] = 7,
    backtest_customers: Annotated[
        int, typer.Option(min=1_000, help="Customers whom a policy is back-tested on.")
    ] = 1_000_000,
) -> None:
    """Measure throughput, latency, memory and idle cost on this machine.

    Everything runs on a stack of its own, durable and with duplicate detection, and is set against
    the ceiling measured in the same run: a FastStream subscriber, as its tutorial starts it, that
    does nothing. Quote ratios.

    [bold]Examples[/]

    careline bench

    careline bench --events 20000 --json bench.json
    """
    # groups are rewound by trying until Kafka has let their members go: no news for a reader
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with stack_of_its_own("bench") as stack:
        figures = asyncio.run(
            measured(
                stack,
                events=events,
                customers=customers,
                seed=seed,
                backtest_customers=backtest_customers,
            )
        )
    stdout.print(_table(figures))
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2) + "\n")


async def measured(
    stack: LocalStack,
    *,
    events: int,
    customers: int,
    seed: int,
    backtest_customers: int,
    idle_seconds: int = 15,
    latency_seconds: int = 15,
) -> dict[str, Any]:
    """Starts everything, measures one thing after the other, and returns the figures."""
    await asyncio.to_thread(stack.start, progress)
    await asyncio.to_thread(stack.start_services, ServiceOptions(), progress=progress)
    progress("Idle …")
    idle = await measure.idle_cpu_percent(stack, seconds=idle_seconds)
    progress("The pipeline …")
    pipeline, cpu = await measure.pipeline(stack, events, customers=customers, seed=seed)
    memory = measure.rss_mb(stack)
    progress(f"Latency at {LATENCY_EVENTS_PER_SECOND} events/s …")
    latency = await measure.latency_p99_ms(
        stack, events_per_second=LATENCY_EVENTS_PER_SECOND, seconds=latency_seconds
    )
    for running in stack.services.values():
        await asyncio.to_thread(running.stop)
    progress("The ceiling …")
    await measure.fill_ceiling_topic(stack, events)
    ceiling = await measure.ceiling(stack, events, "default")
    quiet_ceiling = await measure.ceiling(stack, events, "quiet")
    stages = {}
    for service in SERVICES:
        progress(f"{service} alone …")
        rate = await measure.stage_alone(stack, service)
        stages[service] = {"events_per_second": round(rate), "ratio": round(rate / ceiling, 2)}
    progress("The edge over HTTP …")
    await asyncio.to_thread(stack.start_services, ServiceOptions(), names=["ingest"])
    edge = await measure_edge(
        stack.endpoints,
        events=events,
        seconds=latency_seconds,
        kafka_raw=stages["ingest"]["events_per_second"],
    )
    progress(f"A back-test of {backtest_customers:,} customers …")
    backtest = await backtest_seconds(stack, backtest_customers)
    return {
        "ceiling_events_per_second": round(ceiling),
        "ceiling_quiet_events_per_second": round(quiet_ceiling),
        "pipeline_events_per_second": round(pipeline),
        "pipeline_ratio": round(pipeline / ceiling, 2),
        "cpu_us_per_touchpoint": cpu,
        "stages": stages,
        "edge": edge,
        "latency_p99_ms": round(latency),
        "rss_mb": memory,
        "idle_cpu_percent": round(idle, 1),
        "backtest_seconds": round(backtest, 1),
        "backtest_customers": backtest_customers,
        "events": events,
        "customers": customers,
        "seed": seed,
    }


def _table(figures: dict[str, Any]) -> Table:
    ceiling = figures["ceiling_events_per_second"]
    quiet = figures["ceiling_quiet_events_per_second"]
    pipeline = figures["pipeline_events_per_second"]
    table = Table("", "events/s", "× ceiling", box=None)
    table.add_row("ceiling: FastStream as its tutorial starts it", f"{ceiling:,}", "1.00")
    table.add_row("the same without its log", f"{quiet:,}", f"{quiet / ceiling:.2f}")
    table.add_row("pipeline", f"{pipeline:,}", f"{figures['pipeline_ratio']:.2f}")
    for name, microseconds in figures["cpu_us_per_touchpoint"].items():
        table.add_row(f"  CPU of {name}", f"{microseconds:.0f} µs", "")
    for name, stage in figures["stages"].items():
        table.add_row(f"{name} alone", f"{stage['events_per_second']:,}", f"{stage['ratio']:.2f}")
    edge = figures["edge"]
    table.add_section()
    table.add_row("aiokafka's bare send", f"{edge['send_events_per_second']:,}", "× send")
    for name, words in (("http_batch", "edge, HTTP batches"), ("kafka_raw", "edge, raw topics")):
        rate, ratio = edge[f"{name}_events_per_second"], edge[f"{name}_ratio"]
        table.add_row(words, f"{rate:,}", f"{ratio:.2f}")
    table.add_row("p99 of a POST at 200 a second", f"{edge['single_post_p99_ms']} ms", "")
    table.add_section()
    table.add_row("p99, accepted → tier change received", f"{figures['latency_p99_ms']} ms", "")
    for name, megabytes in figures["rss_mb"].items():
        table.add_row(f"memory of {name}", f"{megabytes} MB", "")
    table.add_row("idle, five services", f"{figures['idle_cpu_percent']} % of a core", "")
    words = f"back-test of {figures['backtest_customers']:,} customers over a month"
    table.add_row(words, f"{figures['backtest_seconds']} s", "")
    return table
