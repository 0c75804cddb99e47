"""Every statement of ticketing: a batch's customers are locked and loaded, then saved, as sets.

Whoever decides about a customer's tickets holds the lock on the row of its surviving number; rows
are locked in order of number. A number that is merged while somebody waits for its lock sends the
waiting unit back to start again.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_contracts.events.profile import Move, is_identity
from careline_runtime.errors import TryLater
from careline_ticketing.desk import BEFORE_ALL, Customer, Desk
from careline_ticketing.model import Fact, Said
from careline_ticketing.store import moves

SAID = TypeAdapter(Said)

_ADD_CUSTOMERS = text("""
    INSERT INTO customers (number) SELECT unnest(CAST(:numbers AS text[])) ON CONFLICT DO NOTHING
""")
_ADD_MEMBERS = text("""
    INSERT INTO members (identity, customer)
    SELECT * FROM unnest(CAST(:identities AS text[]), CAST(:numbers AS text[]))
    ON CONFLICT DO NOTHING
""")
_MEMBERS = text("""
    SELECT identity, customer FROM members WHERE identity = ANY(CAST(:identities AS text[]))
""")
_LOCK = text("""
    SELECT number, survivor, as_of FROM customers
    WHERE number IN (
        SELECT coalesce(survivor, number) FROM customers
        WHERE number = ANY(CAST(:numbers AS text[])))
    ORDER BY number FOR UPDATE
""")
_ABSORBED = text("""
    SELECT number, survivor FROM customers WHERE survivor = ANY(CAST(:roots AS text[]))
""")
_FACTS = text("""
    SELECT m.customer, m.identity, f.occurred_at, replace(CAST(f.key AS text), '-', ''), f.type,
        f.channel, f.impact, f.category, f.product, f.reference, f.ticket, f.agent, f.team, f.detail
    FROM members m JOIN facts f USING (identity)
    WHERE m.customer = ANY(CAST(:numbers AS text[]))
""")
_SAID = text("""
    SELECT customer, CAST(said AS text) FROM tickets WHERE customer = ANY(CAST(:numbers AS text[]))
""")
_OWNERS = text("SELECT customer FROM tickets WHERE id = ANY(CAST(:tickets AS text[]))")

_ADD_FACTS = text("""
    INSERT INTO facts
        (identity, occurred_at, key, type, channel, impact, category, product, reference,
        ticket, agent, team, detail)
    SELECT * FROM unnest(
        CAST(:identity AS text[]), CAST(:occurred_at AS timestamptz[]), CAST(:key AS uuid[]),
        CAST(:type AS text[]), CAST(:channel AS text[]), CAST(:impact AS text[]),
        CAST(:category AS text[]), CAST(:product AS text[]), CAST(:reference AS text[]),
        CAST(:ticket AS text[]), CAST(:agent AS text[]), CAST(:team AS text[]),
        CAST(:detail AS text[]))
    ON CONFLICT DO NOTHING
""")
_SAVE_AS_OF = text("""
    UPDATE customers SET as_of = decided.as_of
    FROM unnest(CAST(:numbers AS text[]), CAST(:as_of AS timestamptz[])) AS decided (number, as_of)
    WHERE customers.number = decided.number
""")
_SAVE_SURVIVORS = text("""
    UPDATE customers SET survivor = merged.survivor
    FROM unnest(CAST(:numbers AS text[]), CAST(:survivors AS text[])) AS merged (number, survivor)
    WHERE customers.number = merged.number AND customers.survivor IS DISTINCT FROM merged.survivor
""")
_SAVE_TICKETS = text("""
    INSERT INTO tickets (id, customer, status, level, opened_at, breaches, agent, team,
        kind, unassignable_since, label, said)
    SELECT id, customer, status, level, opened_at, breaches, agent, team,
        kind, unassignable_since, label, CAST(said AS jsonb)
    FROM unnest(
        CAST(:id AS text[]), CAST(:customer AS text[]), CAST(:status AS text[]),
        CAST(:level AS text[]), CAST(:opened_at AS timestamptz[]), CAST(:breaches AS int[]),
        CAST(:agent AS text[]), CAST(:team AS text[]),
        CAST(:kind AS text[]), CAST(:unassignable_since AS timestamptz[]),
        CAST(:label AS text[]), CAST(:said AS text[]))
        AS ticket (id, customer, status, level, opened_at, breaches, agent, team,
            kind, unassignable_since, label, said)
    ON CONFLICT (id) DO UPDATE SET
        customer = excluded.customer, status = excluded.status, level = excluded.level,
        opened_at = excluded.opened_at, breaches = excluded.breaches, agent = excluded.agent,
        team = excluded.team, kind = excluded.kind,
        unassignable_since = excluded.unassignable_since,
        label = excluded.label, said = excluded.said
""")

Named = Mapping[str, str]
"""Identity → the number that an event named with it."""


async def open_desk(
    connection: AsyncConnection, desk: Desk, *, named: Named, numbers: Collection[str]
) -> None:
    """Locks and loads into `desk` all customers that these identities and numbers belong to."""
    everyone = sorted({*numbers, *named.values()})
    await connection.execute(_ADD_CUSTOMERS, {"numbers": everyone})
    if named:
        identities = sorted(named)
        first_numbers = [named[identity] for identity in identities]
        await connection.execute(_ADD_MEMBERS, {"identities": identities, "numbers": first_numbers})
        desk.members.update(await _pairs(connection, _MEMBERS, identities=identities))
    known_as = await _lock(connection, desk, sorted({*everyone, *desk.members.values()}))
    await _load_facts(connection, desk, known_as)
    await _load_said(connection, desk, known_as)


async def move_idle(connection: AsyncConnection, idle: Collection[Move]) -> None:
    """Moves names of customers about whom nothing is known yet."""
    if idle:
        latest = {move.name: move for move in sorted(idle, key=lambda move: move.move)}
        numbers = {move.customer for move in idle}
        numbers |= {name for name in latest if not is_identity(name)}
        await connection.execute(_ADD_CUSTOMERS, {"numbers": sorted(numbers)})
        await moves.apply(connection, latest.values())


async def open_desk_of_tickets(
    connection: AsyncConnection, desk: Desk, tickets: Collection[str]
) -> None:
    """Locks and loads into `desk` the customers of these tickets, for what time alone brings.

    Their facts stay where they are: time reads none of them again.
    """
    owners = (await connection.execute(_OWNERS, {"tickets": sorted(tickets)})).scalars()
    await _load_said(connection, desk, await _lock(connection, desk, sorted(set(owners))))


async def _lock(connection: AsyncConnection, desk: Desk, numbers: Sequence[str]) -> list[str]:
    """Locks whoever these numbers lead to; returns all numbers that they are known by."""
    locked = (await connection.execute(_LOCK, {"numbers": numbers})).all()
    if merged := [row.number for row in locked if row.survivor is not None]:
        raise TryLater(f"{merged[0]} was merged while this unit waited for it")
    for number, _, as_of in locked:
        desk.customers[number] = Customer(number, desk, as_of or BEFORE_ALL)
    roots = sorted(desk.customers)
    desk.survivors.update(await _pairs(connection, _ABSORBED, roots=roots))
    return [*roots, *desk.survivors]


async def _load_facts(connection: AsyncConnection, desk: Desk, known_as: Sequence[str]) -> None:
    facts: dict[str, list[Fact]] = {}
    for number, identity, *columns in await connection.execute(_FACTS, {"numbers": known_as}):
        fact = Fact(*columns)
        facts.setdefault(desk.survivors.get(number, number), []).append(fact)
        desk.identities[fact.key] = identity
    for root, known in facts.items():
        desk.customers[root].knows(known)


async def _load_said(connection: AsyncConnection, desk: Desk, known_as: Sequence[str]) -> None:
    # a customer who was moved just now has tickets that say so only when they are read again
    for number, document in await connection.execute(_SAID, {"numbers": known_as}):
        said = SAID.validate_json(document)
        desk.customer(number).said[said.ticket.id] = said


async def save_desk(connection: AsyncConnection, desk: Desk) -> None:
    """Writes what has become of the customers since they were loaded."""
    if desk.heard:
        rows = [{"identity": identity, **fact._asdict()} for identity, fact in desk.heard]
        await connection.execute(_ADD_FACTS, _columns(rows))
    if desk.survivors:
        numbers = sorted(desk.survivors)
        survivors = [desk.survivors[number] for number in numbers]
        await connection.execute(_SAVE_SURVIVORS, {"numbers": numbers, "survivors": survivors})
    decided = sorted(c.number for c in desk.customers.values() if c.as_of > BEFORE_ALL)
    if decided:
        as_of = [desk.customers[number].as_of for number in decided]
        await connection.execute(_SAVE_AS_OF, {"numbers": decided, "as_of": as_of})
    if desk.said:
        await connection.execute(_SAVE_TICKETS, _columns([_row(s) for s in desk.said.values()]))


def _row(said: Said) -> dict[str, Any]:
    holder = said.ticket.holder
    return {
        "id": said.ticket.id,
        "customer": said.customer,
        "status": said.status,
        "level": said.ticket.level,
        "opened_at": said.ticket.opened_at,
        "breaches": len(said.breached),
        "agent": holder.agent if holder else None,
        "team": holder.team if holder else None,
        "kind": said.ticket.kind,
        "unassignable_since": said.ticket.unassignable_since,
        "label": " ".join(filter(None, (said.ticket.category, said.ticket.product))),
        "said": SAID.dump_json(said).decode(),
    }


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


async def _pairs(
    connection: AsyncConnection, statement: TextClause, **parameters: Sequence[str]
) -> dict[str, str]:
    rows = await connection.execute(statement, parameters)
    return {row[0]: row[1] for row in rows}
