"""Looks for crises each minute in which a ticket was opened, and keeps and tells what it finds."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

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
from careline_ticketing.rules.crisis import Crisis, crises
from careline_ticketing.store import crises as store

CRISIS = "crisis"
"""Kind of the timers; the key is the minute at whose end we look."""
MINUTE = timedelta(minutes=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def watch(unit: Unit, decision: Decision) -> None:
    """Looks at the end of the minute in which a ticket was opened."""
    if any(change.event is TicketOpened for change in decision.changes):
        minute = EPOCH + ((decision.as_of - EPOCH) // MINUTE + 1) * MINUTE
        unit.set_timer(CRISIS, to_text(minute), minute)


async def look(unit: Unit, minute: datetime, in_force: InForce) -> None:
    """Opens and widens the crises that the tickets up to this minute make."""
    rules = in_force.policy.crisis
    affected = await store.affected(
        unit.connection, minute - rules.window, minute, fewest=rules.fewest
    )
    if not affected:
        return
    known = await store.open_crises(unit.connection)
    before = {crisis.id: crisis for crisis in known}
    owners = {one.ticket: one.customer for one in affected}
    for crisis in crises(affected, known, rules, minute):
        customers = sorted({owners[ticket] for ticket in crisis.tickets if ticket in owners})
        customers = await store.inform(unit.connection, crisis.id, customers)
        crisis = replace(crisis, customers=crisis.customers + len(customers))
        await store.save(unit.connection, crisis)
        _tell(unit, crisis, before.get(crisis.id), minute, in_force)
        _ask_for_notice(unit, crisis, customers, minute, rules)


async def close(unit: Unit, crisis: Crisis, now: datetime, in_force: InForce) -> None:
    """Says what was learned of a crisis that is over."""
    await store.save(unit.connection, crisis)
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
