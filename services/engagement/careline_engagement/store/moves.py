"""Customers who were taken for one and are several again: numbers part, facts go with identities.

Of two moves of a name the higher one holds, so that a merge heard after its split changes nothing.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_contracts.events.profile import Move

_TAKE = text("""
    INSERT INTO moved AS known (name, customer, moves)
    SELECT * FROM unnest(
        CAST(:names AS text[]), CAST(:customers AS text[]), CAST(:moves AS int[]))
    ON CONFLICT (name) DO UPDATE SET customer = excluded.customer, moves = excluded.moves
    WHERE known.moves < excluded.moves
    RETURNING name
""")
_PART = text("""
    DELETE FROM aliases USING unnest(CAST(:names AS text[]), CAST(:customers AS text[]))
        AS moved (name, customer)
    WHERE aliases.absorbed = moved.name AND aliases.survivor <> moved.customer
""")
_REDIRECT = text("""
    INSERT INTO aliases (absorbed, survivor, since)
    SELECT name, customer, :since
    FROM unnest(CAST(:names AS text[]), CAST(:customers AS text[])) AS moved (name, customer)
    WHERE name <> customer
    ON CONFLICT DO NOTHING
""")
_MOVE_FACTS = text("""
    UPDATE facts SET number = moved.customer
    FROM unnest(CAST(:names AS text[]), CAST(:customers AS text[])) AS moved (name, customer)
    WHERE facts.identity = moved.name AND facts.number <> moved.customer
""")


async def note(connection: AsyncConnection, moves: Collection[Move]) -> dict[str, Move]:
    """Keeps which moves were heard; returns, by name, those that are news and hold."""
    if not moves:
        return {}
    latest = {move.name: move for move in sorted(moves, key=lambda move: (move.move, move.name))}
    ordered = [latest[name] for name in sorted(latest)]
    rows = await connection.execute(
        _TAKE, {**_columns(ordered), "moves": [move.move for move in ordered]}
    )
    return {name: latest[name] for name in rows.scalars()}


async def part(connection: AsyncConnection, moves: Sequence[Move], *, since: datetime) -> None:
    """The names lead where these moves say: numbers are their own again, facts go along."""
    numbers = _columns([move for move in moves if ":" not in move.name])
    await connection.execute(_PART, numbers)
    await connection.execute(_REDIRECT, {**numbers, "since": since})
    await connection.execute(_MOVE_FACTS, _columns([move for move in moves if ":" in move.name]))


def _columns(moves: Sequence[Move]) -> dict[str, list[str]]:
    return {"names": [m.name for m in moves], "customers": [m.customer for m in moves]}
