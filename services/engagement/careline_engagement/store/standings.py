"""The customers' rows: how far scoring was followed, and the lock on all that is known of them."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_engagement import rows
from careline_engagement.sequence import Standing

_ADD_CUSTOMERS = text("""
    INSERT INTO customers (number) SELECT unnest(CAST(:numbers AS text[]))
    ON CONFLICT DO NOTHING
""")
_LOCK_CUSTOMERS = text("""
    SELECT number, version, CAST(rulings AS text), CAST(early AS text), parted_at, parted_since
    FROM customers
    WHERE number = ANY(CAST(:numbers AS text[]))
    ORDER BY number FOR UPDATE
""")
_SAVE_STANDINGS = text("""
    UPDATE customers
    SET version = saved.version, rulings = CAST(saved.rulings AS jsonb),
        early = CAST(saved.early AS jsonb)
    FROM unnest(
        CAST(:numbers AS text[]), CAST(:versions AS int[]), CAST(:rulings AS text[]),
        CAST(:earlies AS text[])
    ) AS saved (number, version, rulings, early)
    WHERE customers.number = saved.number
""")


async def lock_standings(
    connection: AsyncConnection, numbers: Collection[str]
) -> dict[str, Standing]:
    """How far each customer's changes were followed; locked until the unit ends."""
    return {
        number: Standing(number, version, rows.to_rulings(rulings), rows.to_early(early))
        for number, version, rulings, early, _, _ in await lock(connection, numbers)
    }


async def lock(connection: AsyncConnection, numbers: Collection[str]) -> Sequence[Sequence[Any]]:
    """The customers' rows; they are nearly always there, so they are added only where missing."""
    wanted = {"numbers": sorted(numbers)}
    locked = (await connection.execute(_LOCK_CUSTOMERS, wanted)).all()
    if len(locked) < len(numbers):
        await connection.execute(_ADD_CUSTOMERS, wanted)
        locked = (await connection.execute(_LOCK_CUSTOMERS, wanted)).all()
    return locked


async def save_standings(connection: AsyncConnection, standings: Sequence[Standing]) -> None:
    """Saves what `lock_standings` gave, as it is now."""
    await connection.execute(
        _SAVE_STANDINGS,
        {
            "numbers": [s.number for s in standings],
            "versions": [s.version for s in standings],
            "rulings": [rows.from_rulings(s.rulings) for s in standings],
            "earlies": [rows.from_early(s.early) for s in standings],
        },
    )
