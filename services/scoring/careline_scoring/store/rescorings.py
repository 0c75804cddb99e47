"""How far a published policy has been applied, and who comes next."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_RESCORING = text("""
    SELECT cursor, customers, rescored FROM rescorings WHERE effective_at = :effective_at FOR UPDATE
""")
_BEGIN_RESCORING = text("""
    INSERT INTO rescorings (effective_at, version, customers)
    SELECT :effective_at, :version, count(*) FROM customers
    WHERE merged_into IS NULL AND as_of IS NOT NULL
    RETURNING cursor, customers, rescored
""")
_SAVE_RESCORING = text("""
    UPDATE rescorings
    SET cursor = :cursor, rescored = rescored + :rescored, is_done = :is_done
    WHERE effective_at = :effective_at
""")
_CUSTOMERS_AFTER = text("""
    SELECT number, as_of, policy_version FROM customers
    WHERE number > :cursor AND merged_into IS NULL AND as_of IS NOT NULL
    ORDER BY number LIMIT :limit
""")


class Progress(NamedTuple):
    """How far a policy has been applied."""

    cursor: str
    customers: int
    rescored: int


class Standing(NamedTuple):
    """As of when a customer was last decided, and by which policy."""

    number: str
    as_of: datetime
    policy_version: str


async def progress_of(
    connection: AsyncConnection, effective_at: datetime, *, version: str
) -> Progress:
    """How far the policy of this instant has been applied; begins with it where nobody has."""
    at = {"effective_at": effective_at}
    row = (await connection.execute(_RESCORING, at)).one_or_none()
    if row is None:
        row = (await connection.execute(_BEGIN_RESCORING, at | {"version": version})).one()
    return Progress._make(row)


async def save_progress(
    connection: AsyncConnection,
    effective_at: datetime,
    *,
    cursor: str,
    rescored: int,
    is_done: bool,
) -> None:
    """So many customers more, up to the number `cursor`."""
    moved = {"cursor": cursor, "rescored": rescored, "is_done": is_done}
    await connection.execute(_SAVE_RESCORING, moved | {"effective_at": effective_at})


async def customers_after(
    connection: AsyncConnection, cursor: str, *, limit: int
) -> list[Standing]:
    """The next customers in order of number."""
    rows = await connection.execute(_CUSTOMERS_AFTER, {"cursor": cursor, "limit": limit})
    return [Standing._make(row) for row in rows]
