"""The facts of ranges of customers, as one snapshot shows them to all who read."""

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from operator import itemgetter

import asyncpg

from careline_scoring.model import Fact, Tags
from careline_scoring.store import FACT_COLUMNS
from careline_scoring.tags import read_tags

_LIVE = "merged_into IS NULL AND tier IS NOT NULL"
_ENDS = f"""
    SELECT number FROM (
        SELECT number, row_number() OVER (ORDER BY number) AS place, count(*) OVER () AS customers
        FROM customers WHERE {_LIVE}
    ) AS placed
    WHERE place % $1 = 0 OR place = customers
    ORDER BY number
"""  # noqa: S608 (a constant)
_FACTS = f"""
    SELECT m.customer, {FACT_COLUMNS}
    FROM members m JOIN buckets b USING (identity)
    WHERE m.customer > $1 AND m.customer <= $2
    ORDER BY m.customer, b.day
"""  # noqa: S608 (a constant)
# most records name no special care, and nothing else of a record is decided about
_CARE = f"""
    SELECT number, CAST(record AS text) FROM customers
    WHERE number > $1 AND number <= $2 AND {_LIVE} AND record ? 'care'
"""  # noqa: S608 (a constant)


async def snapshot(connection: asyncpg.Connection) -> str:
    """Begins a transaction that others can look through until it ends."""
    await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    name: str = await connection.fetchval("SELECT pg_export_snapshot()")
    return name


async def look_through(connection: asyncpg.Connection, name: str) -> None:
    """Begins a transaction that sees what the snapshot's sees."""
    await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    # utility statements take no parameters; the name is PostgreSQL's own
    await connection.execute(f"SET TRANSACTION SNAPSHOT '{name}'")


async def ends(connection: asyncpg.Connection, *, customers: int) -> list[str]:
    """The last number of every range of so many customers."""
    return [number for (number,) in await connection.fetch(_ENDS, customers)]


async def facts(
    connection: asyncpg.Connection, after: str, until: str
) -> Iterator[tuple[str, list[Fact]]]:
    """Each customer of a range with all facts, in order of day."""
    rows = await connection.fetch(_FACTS, after, until)
    return (
        (number, [Fact(*fact) for _, *fact in of_one])
        for number, of_one in groupby(rows, key=itemgetter(0))
    )


async def records_with_care(
    connection: asyncpg.Connection, after: str, until: str
) -> dict[str, Tags]:
    """What the record says of each customer of a range who needs special care."""
    rows = await connection.fetch(_CARE, after, until)
    return {number: read_tags(record) for number, record in rows}


async def newest_decision(connection: asyncpg.Connection) -> datetime | None:
    """As of when somebody was decided about last."""
    newest: datetime | None = await connection.fetchval("SELECT max(as_of) FROM customers")
    return newest
