"""Names that profile moves between customers: merges undone, splits, late news of both."""

from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_contracts.events.profile import Move, is_identity
from careline_runtime.moves import every_name, follow, numbers

_COUNTS = text("""
    SELECT identity, moves, customer FROM members WHERE identity = ANY(CAST(:names AS text[]))
    UNION ALL
    SELECT number, moves, number FROM customers WHERE number = ANY(CAST(:names AS text[]))
""")
_NAMES = (
    every_name("members", name="identity", of=is_identity),
    numbers("customers", survivor="survivor"),
)


async def known(connection: AsyncConnection, names: Collection[str]) -> dict[str, tuple[int, str]]:
    """How often each known name has moved, and to whom it leads by itself."""
    rows = await connection.execute(_COUNTS, {"names": sorted(names)})
    return {name: (moves, customer) for name, moves, customer in rows}


async def apply(connection: AsyncConnection, moves: Collection[Move]) -> bool:
    """Lets each name lead where its latest move says; whether any leads elsewhere by it.

    The numbers must be there, and whoever they belong to locked.
    """
    return bool(await follow(connection, moves, _NAMES))
