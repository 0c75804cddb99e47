"""`careline bench`: one run that measures the ceiling and everything against it."""

import asyncio
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from careline_cli.bench import measure
from careline_cli.bench.backtest import backtest_seconds
from careline_cli.bench.care import SHIPPED as SHIPPED_CARE
from careline_cli.bench.care import CareLoad, measure_care
from careline_cli.bench.edge import measure_edge
from careline_cli.bench.profile import measure_profile
from careline_cli.bench.table import as_table
from careline_cli.bench.tickets import SHIPPED, TicketLoad, measure_tickets
from careline_cli.bench.timers import Crowd, measure_timers
from careline_cli.checkout import stack_of_its_own
from careline_cli.console import progress, stdout, writable
from careline_contracts.topics import SERVICES
from careline_localstack import LocalStack, ServiceOptions

LATENCY_EVENTS_PER_SECOND = 500


class Part(StrEnum):
    """What can be measured by itself."""

    SERVICES = "services"
    """The pipeline, each stage, latency, memory and idle cost, against the ceiling."""
    EDGE = "edge"
    """HTTP and raw topics, against a bare `send`."""
    PROFILE = "profile"
    """Profile alone among few customers and among many, and look-ups by identity."""
    BACKTEST = "backtest"
    """A policy tried on customers who are made up."""
    TIMERS = "timers"
    """A hundred thousand customers who change at one midnight, among a million."""
    TICKETS = "tickets"
    """Tickets opened, very many that wait, very many promises due at once."""
    CARE = "care"
    """What scoring says, orders of known customers, a million calendars, very many steps due."""


@dataclass(frozen=True)
class Load:
    """What everything is measured with."""

    events: int
    customers: int
    seed: int
    backtest_customers: int
    profile_customers: int
    idle_seconds: int = 15
    latency_seconds: int = 15
    crowd: Crowd = field(default_factory=Crowd)
    tickets: TicketLoad = SHIPPED
    care: CareLoad = SHIPPED_CARE


def bench(
    json_file: Annotated[
        Path | None,
        typer.Option("--json", callback=writable, help="Also write the figures into this file."),
    ] = None,
    only: Annotated[
        list[Part] | None, typer.Option(help="Measure this part alone; may be given again.")
    ] = None,
    events: Annotated[int, typer.Option(min=1_000, help="Touchpoints of the load.")] = 60_000,
    customers: Annotated[int, typer.Option(min=10, help="Customers of the load.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Seed of the load.")] = 7,
    backtest_customers: Annotated[
        int, typer.Option(min=1_000, help="Customers whom a policy is back-tested on.")
    ] = 1_000_000,
    profile_customers: Annotated[
        int, typer.Option(min=1_000, help="The many among whom profile is measured.")
    ] = 1_000_000,
) -> None:
    """Measure throughput, latency, memory and idle cost on this machine.

    Everything runs on a stack of its own, durable and with duplicate detection, and is set against
    what is measured in the same run: the services against a FastStream subscriber, as its tutorial
    starts it, that does nothing; the edge against a bare producer. Quote ratios.

    [bold]Examples[/]

    careline bench

    careline bench --only edge --json edge.json
    """
    # groups are rewound by trying until Kafka has let their members go: no news for a reader
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    load = Load(events, customers, seed, backtest_customers, profile_customers)
    with stack_of_its_own("bench") as stack:
        figures = asyncio.run(measured(stack, load, parts=only or tuple(Part)))
    stdout.print(as_table(figures))
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2) + "\n")


async def measured(stack: LocalStack, load: Load, *, parts: Sequence[Part]) -> dict[str, Any]:
    """Starts everything, measures one thing after the other, and returns the figures."""
    await asyncio.to_thread(stack.start, progress)
    figures: dict[str, Any] = {}
    if Part.SERVICES in parts:
        figures |= await _services(stack, load)
    if Part.EDGE in parts:
        progress("The edge …")
        figures["edge"] = await measure_edge(
            stack,
            events=load.events,
            customers=load.customers,
            seed=load.seed,
            seconds=load.latency_seconds,
        )
    if Part.PROFILE in parts:
        progress(f"Profile among {load.profile_customers:,} customers …")
        figures["profile"] = await measure_profile(
            stack,
            events=load.events,
            seed=load.seed,
            seconds=load.latency_seconds,
            sizes=(load.customers, load.profile_customers),
        )
    if Part.BACKTEST in parts:
        progress(f"A back-test of {load.backtest_customers:,} customers …")
        seconds = await backtest_seconds(stack, load.backtest_customers)
        figures |= {
            "backtest_seconds": round(seconds, 1),
            "backtest_customers": load.backtest_customers,
        }
    if Part.TIMERS in parts:
        progress(f"{load.crowd.due:,} timers among {load.crowd.many:,} customers …")
        figures["timers"] = await measure_timers(stack, load.crowd)
    if Part.TICKETS in parts:
        figures["tickets"] = await measure_tickets(stack, load.tickets)
    if Part.CARE in parts:
        figures["care"] = await measure_care(stack, load.care, seed=load.seed)
    return {**figures, "events": load.events, "customers": load.customers, "seed": load.seed}


async def _services(stack: LocalStack, load: Load) -> dict[str, Any]:
    """The five of them together, then the ceiling, then one after the other."""
    await asyncio.to_thread(stack.start_services, ServiceOptions(), progress=progress)
    progress("Idle …")
    idle = await measure.idle_cpu_percent(stack, seconds=load.idle_seconds)
    progress("The pipeline …")
    pipeline, cpu = await measure.pipeline(
        stack, load.events, customers=load.customers, seed=load.seed
    )
    memory = measure.rss_mb(stack)
    progress(f"Latency at {LATENCY_EVENTS_PER_SECOND} events/s …")
    latency = await measure.latency_p99_ms(
        stack, events_per_second=LATENCY_EVENTS_PER_SECOND, seconds=load.latency_seconds
    )
    for running in stack.services.values():
        await asyncio.to_thread(running.stop)
    progress("The ceiling …")
    await measure.fill_ceiling_topic(stack, load.events)
    ceiling = await measure.ceiling(stack, load.events, "default")
    quiet_ceiling = await measure.ceiling(stack, load.events, "quiet")
    stages = {}
    for service in SERVICES:
        progress(f"{service} alone …")
        pace = await measure.stage_alone(stack, service)
        stages[service] = {
            "events_per_second": round(pace.events_per_second),
            "ratio": round(pace.events_per_second / ceiling, 2),
            "cpu_us": round(pace.cpu_us, 1),
        }
    return {
        "ceiling_events_per_second": round(ceiling),
        "ceiling_quiet_events_per_second": round(quiet_ceiling),
        "pipeline_events_per_second": round(pipeline),
        "pipeline_ratio": round(pipeline / ceiling, 2),
        "cpu_us_per_touchpoint": cpu,
        "stages": stages,
        "latency_p99_ms": round(latency),
        "rss_mb": memory,
        "idle_cpu_percent": round(idle, 1),
    }
