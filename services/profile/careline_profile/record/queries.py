"""What is asked about records."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_profile.model import Ref
from careline_profile.record.model import Fact, Slot

_FACTS = text("""
    SELECT ref, field, item, event_key, value, token, shared, source, verified_by, flaw,
        occurred_at, known_at, ends_at, reason
    FROM facts WHERE ref = ANY(CAST(:refs AS text[]))
""")
_CLOSE = text("UPDATE answered SET until = :known_at WHERE until < :known_at")


async def facts_of(connection: AsyncConnection, refs: Collection[Ref]) -> list[Fact]:
    """All that was ever told under these identities."""
    rows = await connection.execute(_FACTS, {"refs": sorted(refs)})
    return [
        Fact(
            row.ref,
            Slot(row.field, row.item),
            row.event_key.hex,
            row.value,
            row.token.hex if row.token else None,
            *row[6:],
        )
        for row in rows
    ]


async def close_the_past(connection: AsyncConnection, known_at: datetime) -> None:
    """From now on nothing becomes known at or before `known_at`.

    Waits for the units that are under way; what they and all before them have added is seen, and
    what comes later is known later.
    """
    await connection.execute(_CLOSE, {"known_at": known_at})
