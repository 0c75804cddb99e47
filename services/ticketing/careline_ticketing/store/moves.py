"""Names that profile moves from one customer to another: merges undone, splits, late news of both.

Of two moves of a name the higher one holds, so that they may be heard in any order and twice.
"""

from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_contracts.events.profile import Move, is_identity

_COUNTS = text("""
    SELECT identity, moves, customer FROM members WHERE identity = ANY(CAST(:names AS text[]))
    UNION ALL
    SELECT number, moves, number FROM customers WHERE number = ANY(CAST(:names AS text[]))
""")
_MOVE_IDENTITIES = text("""
    INSERT INTO members AS known (identity, customer, moves)
    SELECT * FROM unnest(
        CAST(:names AS text[]), CAST(:customers AS text[]), CAST(:moves AS int[]))
    ON CONFLICT (identity) DO UPDATE SET customer = excluded.customer, moves = excluded.moves
    WHERE known.moves < excluded.moves
    RETURNING identity
""")
_MOVE_NUMBERS = text("""
    UPDATE customers SET survivor = nullif(moved.customer, moved.name), moves = moved.moves
    FROM unnest(CAST(:names AS text[]), CAST(:customers AS text[]), CAST(:moves AS int[]))
        AS moved (name, customer, moves)
    WHERE customers.number = moved.name AND customers.moves < moved.moves
    RETURNING number
""")


async def known(connection: AsyncConnection, names: Collection[str]) -> dict[str, tuple[int, str]]:
    """How often each known name has moved, and to whom it leads by itself."""
    rows = await connection.execute(_COUNTS, {"names": sorted(names)})
    return {name: (moves, customer) for name, moves, customer in rows}


async def apply(connection: AsyncConnection, moves: Collection[Move]) -> bool:
    """Lets each name lead where its latest move says; whether any leads elsewhere by it.

    The numbers must be there, and whoever they belong to locked.
    """
    ordered = sorted(moves, key=lambda move: move.name)
    changed = False
    for statement, chosen in (
        (_MOVE_IDENTITIES, [move for move in ordered if is_identity(move.name)]),
        (_MOVE_NUMBERS, [move for move in ordered if not is_identity(move.name)]),
    ):
        if chosen:
            columns = {
                "names": [move.name for move in chosen],
                "customers": [move.customer for move in chosen],
                "moves": [move.move for move in chosen],
            }
            changed |= bool((await connection.execute(statement, columns)).all())
    return changed
