"""What is asked about records."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_profile.model import Ref, Reminder
from careline_profile.record.model import Fact, Slot

_FACTS = text("""
    SELECT ref, field, item, event_key, value, token, shared, source, verified_by, flaw,
        occurred_at, known_at, ends_at, reason
    FROM facts WHERE ref = ANY(CAST(:refs AS text[]))
""")
_CLOSE = text("UPDATE answered SET until = :known_at WHERE until < :known_at")
_STANDING = text("""
    SELECT key, ref, cause, reference, raised_at FROM reminders
    WHERE ref = ANY(CAST(:refs AS text[])) AND done_at IS NULL ORDER BY raised_at, key
""")
_ALL_STANDING = text("""
    SELECT r.key, r.ref, r.cause, r.reference, r.raised_at,
        coalesce(c.merged_into, c.number), r.account_manager
    FROM reminders r JOIN identities i USING (ref) JOIN customers c ON c.number = i.customer
    WHERE r.done_at IS NULL
        AND (CAST(:account_manager AS text) IS NULL OR r.account_manager = :account_manager)
    ORDER BY r.raised_at, r.key LIMIT :limit
""")


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


async def standing_reminders(connection: AsyncConnection, refs: Collection[Ref]) -> list[Reminder]:
    """What somebody is to look at of the customer with these identities, oldest first."""
    rows = await connection.execute(_STANDING, {"refs": sorted(refs)})
    return [Reminder(key.hex, *rest) for key, *rest in rows]


async def all_standing_reminders(
    connection: AsyncConnection, *, account_manager: str | None, limit: int
) -> list[tuple[str, str | None, Reminder]]:
    """The oldest that stand, each with its customer's number and whom it was for."""
    asked = {"account_manager": account_manager, "limit": limit}
    return [
        (number, manager, Reminder(key.hex, *rest))
        for key, *rest, number, manager in await connection.execute(_ALL_STANDING, asked)
    ]
