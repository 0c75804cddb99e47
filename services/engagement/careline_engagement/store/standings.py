"""The customers' rows: how each stands with scoring, and the lock on all that is known of them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_engagement import rows
from careline_engagement.standing import Standing

_ADD_CUSTOMERS = text("""
    INSERT INTO customers (number) SELECT unnest(CAST(:numbers AS text[]))
    ON CONFLICT DO NOTHING
""")
_LOCK_CUSTOMERS = text("""
    SELECT number, version, CAST(rulings AS text), parted_at, parted_since FROM customers
    WHERE number = ANY(CAST(:numbers AS text[]))
    ORDER BY number FOR UPDATE
""")
_SAVE_STANDINGS = text("""
    UPDATE customers SET version = saved.version, rulings = CAST(saved.rulings AS jsonb)
    FROM unnest(CAST(:numbers AS text[]), CAST(:versions AS int[]), CAST(:rulings AS text[]))
        AS saved (number, version, rulings)
    WHERE customers.number = saved.number
""")


async def lock_standings(
    connection: AsyncConnection, numbers: Collection[str]
) -> dict[str, Standing]:
    """What scoring said of each customer; locked until the unit ends."""
    return {
        number: Standing(version, rows.to_rulings(rulings))
        for number, version, rulings, _, _ in await lock(connection, numbers)
    }


async def lock(connection: AsyncConnection, numbers: Collection[str]) -> Sequence[Sequence[Any]]:
    """The customers' rows; they are nearly always there, so they are added only where missing."""
    wanted = {"numbers": sorted(numbers)}
    locked = (await connection.execute(_LOCK_CUSTOMERS, wanted)).all()
    if len(locked) < len(numbers):
        await connection.execute(_ADD_CUSTOMERS, wanted)
        locked = (await connection.execute(_LOCK_CUSTOMERS, wanted)).all()
    return locked


async def save_standings(connection: AsyncConnection, standings: Mapping[str, Standing]) -> None:
    """Saves what `lock_standings` gave, as it is now."""
    ordered = sorted(standings.items())
    await connection.execute(
        _SAVE_STANDINGS,
        {
            "numbers": [number for number, _ in ordered],
            "versions": [standing.version for _, standing in ordered],
            "rulings": [rows.from_rulings(standing.rulings) for _, standing in ordered],
        },
    )
