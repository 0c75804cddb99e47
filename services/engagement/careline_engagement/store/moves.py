"""Customers who were taken for one and are several again: numbers part, all goes where it belongs.

A merge moves nothing. A split gives each identity a home, the number that it belongs to: what came
with it lies there, whenever it is heard. What belongs to a case (its outreach, the answers, what
people noted of it) goes with the case, a ticket's facts with the ticket. Of two moves of a name the
higher one holds, so that a merge heard after its split changes nothing.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_contracts.events.profile import Move, is_identity
from careline_engagement.model import Parting
from careline_engagement.store.standings import lock
from careline_runtime.moves import every_name, follow, latest

_NAMES = (every_name("moved", name="name", of=lambda _: True),)
_HOMES = text("""
    SELECT name, home FROM moved WHERE name = ANY(CAST(:names AS text[])) AND home IS NOT NULL
""")
_RELATED = text("""
    WITH RECURSIVE related (number) AS (
        SELECT DISTINCT unnest(CAST(:numbers AS text[])) COLLATE "C"
        UNION
        SELECT CASE WHEN a.absorbed = r.number THEN a.survivor ELSE a.absorbed END
        FROM related r JOIN aliases a ON a.absorbed = r.number OR a.survivor = r.number
    ) SELECT number FROM related
""")
_PART = text("""
    DELETE FROM aliases USING unnest(CAST(:names AS text[]), CAST(:customers AS text[]))
        AS moved (name, customer)
    WHERE aliases.absorbed = moved.name AND aliases.survivor <> moved.customer
    RETURNING aliases.since
""")
_REDIRECT = text("""
    INSERT INTO aliases (absorbed, survivor, since)
    SELECT name, customer, :since
    FROM unnest(CAST(:names AS text[]), CAST(:customers AS text[])) AS moved (name, customer)
    WHERE name <> customer
    ON CONFLICT DO NOTHING
""")
_SETTLE = text("""
    UPDATE moved SET home = customer WHERE name = ANY(CAST(:names AS text[]))
""")
# a case goes with the touchpoint that opened it; what comes of a case goes with the case
_MOVE_ENTRIES = text("""
    WITH gone AS (
        UPDATE entries SET number = moved.home FROM moved
        WHERE entries.number = ANY(CAST(:numbers AS text[])) AND entries.identity = moved.name
            AND moved.home IS NOT NULL AND moved.home <> entries.number
            AND NOT EXISTS (SELECT FROM entries there WHERE (there.number, there.playbook,
                there.name) = (moved.home, entries.playbook, entries.name))
        RETURNING old.number || '-' || new.playbook || '-' || new.name AS case_id, new.number
    ), taken AS (
        UPDATE cases SET number = gone.number FROM gone WHERE cases.id = gone.case_id
    )
    UPDATE contacts SET number = gone.number FROM gone WHERE contacts.case_id = gone.case_id
""")
_SETTLE_CASES = text("""
    INSERT INTO moved (name, customer, moves, home)
    SELECT id, number, 0, number FROM cases WHERE number = ANY(CAST(:numbers AS text[]))
    UNION ALL
    SELECT case_id || '-' || step, number, 0, number FROM contacts
    WHERE number = ANY(CAST(:numbers AS text[]))
    ON CONFLICT (name) DO UPDATE SET home = excluded.home
""")
_MOVE_FACTS = text("""
    UPDATE facts SET number = moved.home FROM moved
    WHERE facts.number = ANY(CAST(:numbers AS text[])) AND facts.identity = moved.name
        AND moved.home <> facts.number
""")
_MOVE_CONSENTS = text("""
    UPDATE consents SET number = moved.home FROM moved
    WHERE consents.number = ANY(CAST(:numbers AS text[])) AND consents.name = moved.name
        AND moved.home <> consents.number
""")
_MOVE_FOLLOW_UPS = text("""
    UPDATE follow_ups SET number = moved.home FROM moved
    WHERE follow_ups.number = ANY(CAST(:numbers AS text[]))
        AND follow_ups.said ->> 'case' = moved.name AND moved.home <> follow_ups.number
""")
# what one of them began was no reason to leave the other without a case
_DECIDE_AGAIN = text("""
    UPDATE entries SET outcome = NULL
    WHERE number = ANY(CAST(:numbers AS text[])) AND at >= :since AND at <= :at
        AND outcome IN ('case_open', 'cool_down')
""")
_NOTE_PARTING = text("""
    UPDATE customers SET parted_at = :at, parted_since = :since
    WHERE number = ANY(CAST(:numbers AS text[]))
""")


async def note(connection: AsyncConnection, moves: Collection[Move]) -> dict[str, Move]:
    """Keeps which moves were heard; returns, by name, those that are news and hold."""
    if not moves:
        return {}
    led_elsewhere = await follow(connection, moves, _NAMES)
    return {move.name: move for move in latest(moves) if move.name in led_elsewhere}


async def homes(connection: AsyncConnection, names: Iterable[str]) -> Mapping[str, str]:
    """Where what comes by these names lies, as far as a split has said so."""
    rows = await connection.execute(_HOMES, {"names": sorted(set(names))})
    return dict(rows.all())


async def settle(connection: AsyncConnection, moves: Collection[Move]) -> set[str]:
    """Each of these names is at home where its move says; returns the numbers it concerns."""
    holding = await note(connection, moves)
    if not holding:
        return set()
    await connection.execute(_SETTLE, {"names": sorted(holding)})
    numbers = await _related(connection, {move.customer for move in holding.values()})
    await lock(connection, numbers)
    await connection.execute(_MOVE_FACTS, {"numbers": numbers})
    return set(numbers)


async def part(
    connection: AsyncConnection,
    moves: Sequence[Move],
    parts: Collection[str],
    *,
    at: datetime,
    kept: timedelta,
) -> tuple[set[str], Parting]:
    """The names lead where these moves say; returns all whom it concerns, and since when.

    Numbers are their own again, and everything lies where it would had they never been one. Those
    who were never heard to become one were it as long as facts are `kept`.
    """
    named = {*parts, *(move.name for move in moves if not is_identity(move.name))}
    concerned = {"numbers": await _related(connection, named)}
    await lock(connection, concerned["numbers"])
    numbers = _columns([move for move in moves if not is_identity(move.name)])
    since = min((await connection.execute(_PART, numbers)).scalars(), default=at - kept)
    await connection.execute(_REDIRECT, {**numbers, "since": at})
    await connection.execute(_SETTLE, {"names": [m.name for m in moves if is_identity(m.name)]})
    for statement in (
        _MOVE_ENTRIES,
        _SETTLE_CASES,
        _MOVE_FACTS,
        _MOVE_CONSENTS,
        _MOVE_FOLLOW_UPS,
    ):
        await connection.execute(statement, concerned)
    await connection.execute(_DECIDE_AGAIN, {**concerned, "since": since, "at": at})
    await connection.execute(_NOTE_PARTING, {**concerned, "since": since, "at": at})
    return set(concerned["numbers"]), Parting(at, since)


async def _related(connection: AsyncConnection, numbers: Collection[str]) -> list[str]:
    """Everybody who is taken for one with one of these, in order of number."""
    rows = await connection.execute(_RELATED, {"numbers": sorted(numbers)})
    return sorted(rows.scalars())


def _columns(moves: Sequence[Move]) -> dict[str, list[str]]:
    return {"names": [m.name for m in moves], "customers": [m.customer for m in moves]}
