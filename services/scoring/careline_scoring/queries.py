"""What people may ask of scoring's database: one customer with all facts, and the sums."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_scoring.model import Fact, Tags
from careline_scoring.store import FACT_COLUMNS
from careline_scoring.tags import read_tags

# up from an absorbed number to the customer that it has become
_FIND = text("""
    WITH RECURSIVE up (number) AS (
        SELECT CAST(:number AS text) COLLATE "C"
        UNION
        SELECT c.merged_into FROM up JOIN customers c USING (number)
        WHERE c.merged_into IS NOT NULL
    )
    SELECT number, version, as_of, (SELECT sum(p) FROM unnest(points) AS p), policy_version,
        CAST(record AS text)
    FROM up JOIN customers USING (number)
    WHERE merged_into IS NULL AND as_of IS NOT NULL
""")
_FACTS = text(f"""
    SELECT {FACT_COLUMNS} FROM members m JOIN buckets b USING (identity)
    WHERE m.customer = :number
""")  # noqa: S608 (a constant)
_COUNT = text("""
    SELECT tier, value, need, risk, count(*) FROM customers
    WHERE tier IS NOT NULL AND merged_into IS NULL
    GROUP BY tier, value, need, risk
""")


_COUNT_TAGS = text("""
    SELECT tag, carried_value, count(*) FROM customers
    CROSS JOIN LATERAL jsonb_each(tags) AS carried (tag, said)
    CROSS JOIN LATERAL jsonb_array_elements_text(said) AS one (carried_value)
    WHERE merged_into IS NULL
    GROUP BY tag, carried_value ORDER BY tag, carried_value
""")


class Found(NamedTuple):
    """A customer as last published."""

    number: str
    version: int
    as_of: datetime
    hundredths: int
    """The total."""
    policy_version: str
    record: Tags


async def find(connection: AsyncConnection, number: str) -> tuple[Found, list[Fact]] | None:
    """The customer with this number, or the one that absorbed it, with all facts."""
    # decision and facts of one instant, or they would not match
    await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    row = (await connection.execute(_FIND, {"number": number})).one_or_none()
    if row is None:
        return None
    found = Found._make((*row[:5], read_tags(row[5])))
    facts = await connection.execute(_FACTS, {"number": found.number})
    return found, [Fact._make(fact) for fact in facts]


async def count(connection: AsyncConnection) -> dict[str, dict[str, int]]:
    """How many customers are in each tier and carry each tag; absorbed numbers don't count."""
    sums: dict[str, dict[str, int]] = {"tiers": {}, "value": {}, "need": {}, "risk": {}}
    for *verdicts, customers in await connection.execute(_COUNT):
        for counted, verdict in zip(sums.values(), verdicts, strict=True):
            counted[verdict] = counted.get(verdict, 0) + customers
    return sums


async def count_tags(connection: AsyncConnection) -> dict[str, dict[str, int]]:
    """How many customers carry each value of each tag of TAG-4."""
    sums: dict[str, dict[str, int]] = {}
    for tag, value, customers in await connection.execute(_COUNT_TAGS):
        sums.setdefault(tag, {})[value] = customers
    return sums
