"""Looks for crises each minute in which a ticket was opened, and keeps and tells what it finds."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pydantic import TypeAdapter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_contracts.envelope import to_text
from careline_contracts.events.ticketing import (
    CrisisChange,
    CrisisClosed,
    CrisisGrown,
    CrisisOpened,
    CrisisState,
    MassNoticeRequested,
    TicketOpened,
)
from careline_contracts.topics import CRISES, CRISIS_CHANGES
from careline_runtime.unit_of_work import Unit
from careline_ticketing.desk import Decision
from careline_ticketing.policy import CrisisRules, InForce
from careline_ticketing.rules.crisis import Affected, Crisis, crises

CRISIS = "crisis"
"""Kind of the timers; the key is the minute at whose end we look."""
MINUTE = timedelta(minutes=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CRISIS_JSON = TypeAdapter(Crisis)

_SAVE_TIERS = text("""
    INSERT INTO customers (number, tier)
    SELECT * FROM unnest(CAST(:numbers AS text[]), CAST(:tiers AS text[]))
    ON CONFLICT (number) DO UPDATE SET tier = excluded.tier
""")
# most minutes have too few customers to look closer
_AFFECTED = text("""
    WITH opened AS (
        SELECT t.id, t.customer, t.label, t.level, t.opened_at, c.tier
        FROM tickets t JOIN customers c ON c.number = t.customer
        WHERE t.opened_at > :start AND t.opened_at <= :end AND t.status <> 'merged')
    SELECT * FROM opened
    WHERE (SELECT count(DISTINCT customer) FROM opened) >= :fewest
    ORDER BY opened_at, id
""")
_OPEN = text("SELECT CAST(crisis AS text) FROM crises WHERE is_open ORDER BY id FOR UPDATE")
_ONE = text("SELECT CAST(crisis AS text) FROM crises WHERE id = :id FOR UPDATE")
_INFORM = text("""
    INSERT INTO informed (crisis, customer)
    SELECT :crisis, unnest(CAST(:customers AS text[])) ON CONFLICT DO NOTHING RETURNING customer
""")
_SAVE = text("""
    INSERT INTO crises (id, is_open, opened_at, crisis)
    VALUES (:id, :is_open, :opened_at, CAST(:crisis AS jsonb))
    ON CONFLICT (id) DO UPDATE SET is_open = excluded.is_open, crisis = excluded.crisis
""")


def watch(unit: Unit, decision: Decision) -> None:
    """Looks at the end of the minute in which a ticket was opened."""
    if any(change.event is TicketOpened for change in decision.changes):
        minute = EPOCH + ((decision.as_of - EPOCH) // MINUTE + 1) * MINUTE
        unit.set_timer(CRISIS, to_text(minute), minute)


async def look(unit: Unit, minute: datetime, in_force: InForce) -> None:
    """Opens and widens the crises that the tickets up to this minute make."""
    rules = in_force.policy.crisis
    rows = await unit.connection.execute(
        _AFFECTED, {"start": minute - rules.window, "end": minute, "fewest": rules.fewest}
    )
    affected = [Affected(*row) for row in rows]
    if not affected:
        return
    known = [_read(document) for document in (await unit.connection.execute(_OPEN)).scalars()]
    before = {crisis.id: crisis for crisis in known}
    owners = {one.ticket: one.customer for one in affected}
    for crisis in crises(affected, known, rules, minute):
        customers = await _newly_informed(unit.connection, crisis, owners)
        crisis = replace(crisis, customers=crisis.customers + len(customers))
        await _save(unit, crisis)
        _tell(unit, crisis, before.get(crisis.id), minute, in_force)
        _ask_for_notice(unit, crisis, customers, minute, rules)


async def save_tiers(connection: AsyncConnection, tiers: Mapping[str, str]) -> None:
    """Keeps what scoring said of customers' tiers."""
    numbers = sorted(tiers)
    values = {"numbers": numbers, "tiers": [tiers[number] for number in numbers]}
    await connection.execute(_SAVE_TIERS, values)


async def close(unit: Unit, crisis: Crisis, now: datetime, in_force: InForce) -> None:
    """Says what was learned of a crisis that is over."""
    await _save(unit, crisis)
    change = CrisisClosed(
        crisis=crisis.id,
        version=crisis.version,
        as_of=now,
        policy_version=in_force.version,
        by=crisis.closed_by,
        cause=crisis.cause,
        lesson=crisis.lesson,
        actions=crisis.actions,
    )
    _say(unit, crisis, change, now)


async def find(connection: AsyncConnection, id: str) -> Crisis | None:
    """The crisis with this number, locked."""
    document = (await connection.execute(_ONE, {"id": id})).scalar_one_or_none()
    return None if document is None else _read(document)


def state(crisis: Crisis) -> CrisisState:
    """The crisis as it is now."""
    return CrisisState(
        crisis=crisis.id,
        version=crisis.version,
        status="open" if crisis.closed_at is None else "closed",
        grade=crisis.grade,
        owner=crisis.owner,
        labels=crisis.labels,
        opened_at=crisis.opened_at,
        closed_at=crisis.closed_at,
        tickets=crisis.tickets,
        customers=crisis.customers,
        weight=crisis.weight,
        cause=crisis.cause,
        lesson=crisis.lesson,
        actions=crisis.actions,
    )


def _tell(
    unit: Unit, crisis: Crisis, before: Crisis | None, minute: datetime, in_force: InForce
) -> None:
    told: set[str] = set(before.tickets) if before else set()
    event = CrisisOpened if before is None else CrisisGrown
    new = tuple(ticket for ticket in crisis.tickets if ticket not in told)
    change = event(
        crisis=crisis.id,
        version=crisis.version,
        as_of=minute,
        policy_version=in_force.version,
        grade=crisis.grade,
        owner=crisis.owner,
        tickets=new,
    )
    _say(unit, crisis, change, minute)


def _ask_for_notice(
    unit: Unit, crisis: Crisis, customers: Sequence[str], minute: datetime, rules: CrisisRules
) -> None:
    if not customers:
        return
    notice = MassNoticeRequested(
        crisis=crisis.id,
        as_of=minute,
        customers=tuple(customers),
        text_en=rules.notice_en,
        text_zh=rules.notice_zh,
    )
    id = f"{crisis.id}-{crisis.version}-notice"
    unit.say(CRISIS_CHANGES, notice, key=crisis.id, id=id, recorded_at=minute)


def _say(unit: Unit, crisis: Crisis, change: CrisisChange, at: datetime) -> None:
    id = f"{crisis.id}-{crisis.version}"
    unit.say(CRISIS_CHANGES, change, key=crisis.id, id=id, recorded_at=at)
    id = f"{crisis.id}-{crisis.version}-state"
    unit.say(CRISES, state(crisis), key=crisis.id, id=id, recorded_at=at)


async def _newly_informed(
    connection: AsyncConnection, crisis: Crisis, owners: Mapping[str, str]
) -> list[str]:
    """The crisis's customers who were not asked to be told of it before."""
    customers = sorted({owners[ticket] for ticket in crisis.tickets if ticket in owners})
    rows = await connection.execute(_INFORM, {"crisis": crisis.id, "customers": customers})
    return sorted(rows.scalars())


async def _save(unit: Unit, crisis: Crisis) -> None:
    await unit.connection.execute(
        _SAVE,
        {
            "id": crisis.id,
            "is_open": crisis.closed_at is None,
            "opened_at": crisis.opened_at,
            "crisis": CRISIS_JSON.dump_json(crisis).decode(),
        },
    )


def _read(document: str) -> Crisis:
    return CRISIS_JSON.validate_json(document)
