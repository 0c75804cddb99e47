"""What engagement bears: what scoring says, orders of customers whom playbooks want, a million
calendars, many steps due in a row.

Calendars and cases that wait are made up by PostgreSQL, where they lie, without the events on the
way: what is measured begins when they are there.
"""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import asyncpg
from aiokafka import AIOKafkaConsumer

from careline_cli.bench.alone import Alone, Due
from careline_cli.bench.measure import catching_up
from careline_cli.bench.workload import activities
from careline_cli.console import progress
from careline_cli.replay import Pipeline
from careline_contracts.envelope import Envelope, Record, to_headers
from careline_contracts.events.engagement import CaseStepBreached
from careline_contracts.events.profile import Activity
from careline_contracts.events.scoring import Became, VerdictsChanged
from careline_contracts.topics import ACTIVITIES, CASE_CHANGES, SCORE_CHANGES, Topic
from careline_engagement.handlers import CARE
from careline_engagement.policy import EngagementPolicy
from careline_engagement.rules.moments import CONTACT_DUE
from careline_localstack import LocalStack, ServiceOptions
from careline_runtime.policy import load_policy
from careline_runtime.settings import ServiceSettings

LEAD_SECONDS = 25
"""Until the first step falls due: the cases must be there by then."""
PLAYBOOK, STEP, WITHIN = "pre-sale", "answer", timedelta(hours=24)
"""A case of this one waits for a single step, which is then missed."""

_CALENDARS = (
    "INSERT INTO customers (number) SELECT 'W-' || n FROM generate_series(1, $1) AS n",
    # the next contact of each within two weeks, the first of them in an hour
    f"""
    INSERT INTO entries (number, playbook, name, at, trigger, version, reasons, event_id)
    SELECT 'W-' || n, '', 'contact_due-' || n,
        now() + interval '1 hour' + n * interval '14 days' / $1, '{CONTACT_DUE}', 0,
        '["{CONTACT_DUE}"]', ''
    FROM generate_series(1, $1) AS n
    """,  # noqa: S608 (constants)
    f"""
    INSERT INTO timers (kind, key, due_at)
    SELECT '{CARE}', number, at FROM entries WHERE number LIKE 'W-%'
    """,  # noqa: S608 (constants)
)
_CASES = (
    "INSERT INTO customers (number) SELECT 'D-' || n FROM generate_series(1, $1) AS n",
    f"""
    INSERT INTO cases (id, number, playbook, digest, trigger, tier, reasons, opened_at, ends_at,
        steps, policy_version, version, status, closed_reason, is_breached)
    SELECT 'D-' || n || '-{PLAYBOOK}-1', 'D-' || n, '{PLAYBOOK}', $4, 'enquiry.made', 'core', '[]',
        due_at - $5::interval, due_at + interval '13 days',
        jsonb_build_array(jsonb_build_object(
            'step', '{STEP}', 'began_at', due_at - $5::interval, 'due_at', due_at)),
        '', 1, 'open', '', false
    FROM generate_series(1, $1) AS n,
        LATERAL (SELECT $2::timestamptz + n * $3::interval AS due_at) AS due
    """,  # noqa: S608 (constants)
    f"""
    INSERT INTO timers (kind, key, due_at)
    SELECT '{CARE}', 'D-' || n, $2::timestamptz + n * $3::interval FROM generate_series(1, $1) AS n
    """,  # noqa: S608 (a constant)
)


class CareLoad(NamedTuple):
    """How much of each sort."""

    touchpoints: int = 30_000
    """What scoring decides about first."""
    orders: int = 20_000
    customers: int = 4_000
    """Whose touchpoints these are, and as many others who place the orders: those are potential
    customers, so that playbooks want them."""
    calendars: int = 1_000_000
    due: int = 50_000
    due_within_seconds: int = 25
    idle_seconds: int = 15


SHIPPED = CareLoad()


async def measure_care(stack: LocalStack, load: CareLoad, *, seed: int) -> dict[str, Any]:
    """Scoring by itself, then engagement by itself; returns the figures."""
    progress(f"{load.touchpoints:,} touchpoints, decided and cared for …")
    beside_scoring = await _beside_scoring(stack, load, seed=seed)
    engagement = Alone(stack, "engagement")
    async with Pipeline(stack.endpoints, services=["engagement"]) as running:
        await running.publish(list(_verdicts(load)))
        await running.drain()
        progress(f"{load.orders:,} orders …")
        records = list(_orders(load))
        used_before, began = engagement.cpu_seconds_by_process(), time.perf_counter()
        await running.publish(records)
        await running.drain()
        seconds, used = time.perf_counter() - began, engagement.cpu_seconds_by_process()
    idle = await engagement.idle_cpu_percent(load.idle_seconds)
    progress(f"{load.calendars:,} calendars …")
    customers, entries, timers = _CALENDARS
    count = (load.calendars,)
    await _run(stack, [(customers, count), (entries, count), (timers, ())])
    idle_with = await engagement.idle_cpu_percent(load.idle_seconds)
    progress(f"{load.due:,} steps fall due …")
    lateness = await _lateness(engagement, load)
    return {
        **beside_scoring,
        "orders": load.orders,
        "orders_per_second": round(load.orders / seconds),
        "order_cpu_us": {
            name: round(1e6 * (used[name] - used_before[name]) / load.orders) for name in used
        },
        "idle_cpu_percent": idle,
        "idle_cpu_percent_with_calendars": idle_with,
        "calendars": load.calendars,
        "due": load.due,
        "due_per_second": round(load.due / load.due_within_seconds),
        **lateness,
    }


async def _beside_scoring(stack: LocalStack, load: CareLoad, *, seed: int) -> dict[str, Any]:
    """How many decisions scoring says a second, and with how many engagement is done.

    Each has the machine for itself, on the same log. What engagement hears besides, the cases that
    it leads to and what is due in them is in its time. Left running.
    """
    both = ["scoring", "engagement"]
    await asyncio.to_thread(stack.start_services, ServiceOptions(), names=both)
    async with Pipeline(stack.endpoints, services=both) as running:
        await running.drain()
        for service in both:
            await asyncio.to_thread(stack.services[service].stop)
        before = await _end(stack, SCORE_CHANGES)
        some = {"customers": load.customers, "seed": seed}
        await running.publish(list(activities(load.touchpoints, **some)))
    scoring_seconds = await _seconds_behind(stack, "scoring", load.touchpoints)
    await asyncio.to_thread(stack.services["scoring"].stop)
    said = await _end(stack, SCORE_CHANGES) - before
    engagement_seconds = await _seconds_behind(stack, "engagement", load.touchpoints + said)
    return {
        "decisions": said,
        "decisions_said_per_second": round(said / scoring_seconds),
        "decisions_heard_per_second": round(said / engagement_seconds),
        "against_scoring": round(scoring_seconds / engagement_seconds, 2),
    }


async def _seconds_behind(stack: LocalStack, service: str, events: int) -> float:
    """How long a service that starts takes for what has come meanwhile."""
    await asyncio.to_thread(stack.start_services, ServiceOptions(), names=[service])
    pace = await catching_up(stack, service)
    # so few that they were gone before anybody looked have no pace
    return events / max(pace.events_per_second, 1)


async def _end(stack: LocalStack, topic: Topic) -> int:
    """How many records were ever published on a topic."""
    async with AIOKafkaConsumer(topic.name, bootstrap_servers=stack.endpoints.kafka) as consumer:
        return sum((await consumer.end_offsets(consumer.assignment())).values())


async def _lateness(engagement: Alone, load: CareLoad) -> dict[str, int]:
    """Until it is known that the steps of very many cases were missed."""
    loaded = load_policy(
        EngagementPolicy, package="careline_engagement", settings=ServiceSettings()
    )
    digest = loaded.policy.by_name[PLAYBOOK].digest
    first = datetime.now(UTC) + timedelta(seconds=LEAD_SECONDS)
    apart = timedelta(seconds=load.due_within_seconds) / load.due
    customers, cases, timers = _CASES
    statements: list[tuple[str, tuple[Any, ...]]] = [
        (customers, (load.due,)),
        (cases, (load.due, first, apart, digest, WITHIN)),
        (timers, (load.due, first, apart)),
    ]
    missed = Due(CASE_CHANGES, CaseStepBreached.type, load.due, first, load.due_within_seconds)
    return await engagement.lateness(missed, lambda: _run(engagement.stack, statements))


async def _run(stack: LocalStack, statements: list[tuple[str, tuple[Any, ...]]]) -> None:
    connection = await asyncpg.connect(stack.endpoints.databases["engagement"])
    async with connection.transaction():
        for statement, values in statements:
            await connection.execute(statement, *values, timeout=600)
    # what so many new rows leave to be tidied up is no cost of their waiting
    await connection.execute("VACUUM ANALYZE", timeout=600)
    await connection.close()


def _verdicts(load: CareLoad) -> Iterator[Record]:
    """As scoring says them of new customers."""
    now = datetime.now(UTC)
    verdicts = {"tier": "potential", "value": "normal", "product": ("phone",)}
    changes = {name: Became(to=to, reasons=()) for name, to in verdicts.items()}
    for number in range(load.customers):
        customer = f"C-{number:012}"
        decided = VerdictsChanged.model_validate(
            {
                "customer": customer,
                "version": 1,
                "as_of": now,
                "policy_version": "bench",
                "changes": changes,
            }
        )
        envelope = Envelope(
            f"{customer}-1",
            "/careline/scoring",
            decided.type,
            now,
            now,
            key=customer,
            subject=",".join(verdicts),
        )
        yield Record(SCORE_CHANGES.name, customer, to_headers(envelope), decided.to_json())


def _orders(load: CareLoad) -> Iterator[Record]:
    """As profile says them, each customer's one after the other."""
    now = datetime.now(UTC)
    for number in range(load.orders):
        customer = f"C-{number % load.customers:012}"
        card = f"member_card:{number % load.customers:032x}"
        body = {"order": f"O-{number}", "amount_minor": 9_900, "currency": "CNY"}
        activity = Activity(customer=customer, identity=card, channel="app", body=body)
        envelope = Envelope(
            f"bench-{now:%H%M%S}-{number}",
            "/careline/profile",
            "careline.order.placed.v1",
            now,
            now,
            key=customer,
        )
        yield Record(ACTIVITIES.name, customer, to_headers(envelope), activity.to_json())
