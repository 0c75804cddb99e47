"""What ticketing bears: tickets opened and clocked, very many that wait, and very many due at once.

The tickets that wait are made by ticketing's own rules and statements, thousands at a time, without
the events on the way: what is measured begins when they are there.
"""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import text

from careline_cli.bench.alone import Alone, Due
from careline_cli.console import progress
from careline_cli.replay import Pipeline
from careline_contracts.envelope import Envelope, Record, to_headers
from careline_contracts.events.profile import Activity
from careline_contracts.events.ticketing import TicketBreached
from careline_contracts.topics import ACTIVITIES, TICKET_CHANGES
from careline_localstack import LocalStack, ServiceOptions
from careline_runtime import timers
from careline_runtime.database import create_engine
from careline_runtime.policy import load_policy
from careline_runtime.settings import ServiceSettings
from careline_ticketing import store
from careline_ticketing.desk import Desk
from careline_ticketing.handlers import BREACH
from careline_ticketing.model import Fact
from careline_ticketing.policy import InForce, Policy

AT_ONCE = 5_000
LEAD_SECONDS = 5
"""Until the first promise falls due, after all are there."""
FIX = timedelta(hours=2)
"""What the shipped policy promises for a function that is broken, around the clock."""


class TicketLoad(NamedTuple):
    """How many tickets of each sort."""

    opened: int = 20_000
    waiting: int = 100_000
    due: int = 20_000
    due_within_seconds: int = 60
    idle_seconds: int = 15


SHIPPED = TicketLoad()


async def measure_tickets(stack: LocalStack, load: TicketLoad) -> dict[str, Any]:
    """Starts ticketing by itself, and returns the figures."""
    await asyncio.to_thread(stack.start_services, ServiceOptions(), names=["ticketing"])
    ticketing = Alone(stack, "ticketing")
    async with Pipeline(stack.endpoints, services=["ticketing"]) as running:
        await running.drain()
        progress(f"{load.opened:,} tickets are opened …")
        records = list(_complaints(load.opened))
        used_before, began = ticketing.cpu_seconds(), time.perf_counter()
        await running.publish(records)
        await running.drain()
        seconds, used = time.perf_counter() - began, ticketing.cpu_seconds() - used_before
    idle = await ticketing.idle_cpu_percent(load.idle_seconds)
    progress(f"{load.waiting:,} tickets wait …")
    now = datetime.now(UTC)
    # of an emergency the first thing that time brings is a warning after a quarter of an hour
    began = time.perf_counter()
    await seed(stack, _faults("waits", "system_down", [now] * load.waiting), now)
    lead = LEAD_SECONDS + 2 * (time.perf_counter() - began) * load.due / load.waiting
    idle_with = await ticketing.idle_cpu_percent(load.idle_seconds)
    progress(f"{load.due:,} promises fall due …")
    lateness = await _lateness(ticketing, load, datetime.now(UTC) + timedelta(seconds=lead))
    return {
        "opened": load.opened,
        "opened_per_second": round(load.opened / seconds),
        "opened_cpu_us": round(1e6 * used / load.opened),
        "idle_cpu_percent": idle,
        "idle_cpu_percent_with_waiting": idle_with,
        "waiting": load.waiting,
        "due": load.due,
        **lateness,
    }


async def seed(stack: LocalStack, faults: Iterator[Fact], as_of: datetime) -> None:
    """Opens a ticket for each fault, of a customer each, decided as of then."""
    loaded = load_policy(Policy, package="careline_ticketing", settings=ServiceSettings())
    in_force = InForce(loaded.policy, loaded.version)
    engine = create_engine(stack.endpoints.databases["ticketing"], service="bench")
    while some := list(islice(faults, AT_ONCE)):
        named = {f"member_card:{fact.key}": f"C-{fact.key[:12]}" for fact in some}
        desk = Desk(lambda _: in_force)
        async with engine.begin() as connection:
            await store.open_desk(connection, desk, named=named, numbers=())
            for fact, (identity, number) in zip(some, named.items(), strict=True):
                desk.hear(fact, identity, number, recorded_at=max(as_of, fact.occurred_at))
            await store.save_desk(connection, desk)
            dues = {(BREACH, ticket): due_at for ticket, due_at in desk.timers().items()}
            await timers.save(connection, dues)
    async with engine.connect() as connection:
        tidying = await connection.execution_options(isolation_level="AUTOCOMMIT")
        # what so many new rows leave to be tidied up is no cost of their waiting
        await tidying.execute(text("VACUUM ANALYZE"))
    await engine.dispose()


async def _lateness(ticketing: Alone, load: TicketLoad, first: datetime) -> dict[str, int]:
    """Until it is known that very many promises were broken; `first` is the first due instant.

    The promises are warned of already when they are made up, so that the breach comes next.
    """
    step = timedelta(seconds=load.due_within_seconds) / load.due
    opened = [first + n * step - FIX for n in range(load.due)]
    faults, warned_at = _faults("due", "function_broken", opened), first - timedelta(seconds=1)
    broken = Due(TICKET_CHANGES, TicketBreached.type, load.due, first, load.due_within_seconds)
    return await ticketing.lateness(broken, lambda: seed(ticketing.stack, faults, warned_at))


def _complaints(count: int) -> Iterator[Record]:
    """As profile says them, of a customer each."""
    now = datetime.now(UTC)
    body = {"category": "delivery", "text": ""}
    for number in range(count):
        customer, card = f"C-{number:012}", f"member_card:{number:032x}"
        activity = Activity(customer=customer, identity=card, channel="phone", body=body)
        envelope = Envelope(
            f"bench-{now:%H%M%S}-{number}",
            "/careline/profile",
            "careline.complaint.raised.v1",
            now,
            now,
            key=customer,
        )
        yield Record(ACTIVITIES.name, customer, to_headers(envelope), activity.to_json())


def _faults(run: str, impact: str, instants: list[datetime]) -> Iterator[Fact]:
    for number, occurred_at in enumerate(instants):
        envelope = Envelope(f"{run}-{number}", "/bench", "", occurred_at, occurred_at)
        yield Fact(occurred_at, envelope.event_key, "fault.reported", "phone", impact=impact)
