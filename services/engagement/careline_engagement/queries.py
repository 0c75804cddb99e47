"""What people may ask: cases by status and customer, one case whole, and the sums."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_engagement.model import Case
from careline_engagement.store import CASE_COLUMNS, to_case

# the customer's number as it is now: after merges, the one that has absorbed the case's
_HOLDER = """
    WITH RECURSIVE up (number, steps) AS (
        SELECT cases.number, 0
        UNION
        SELECT a.survivor, steps + 1 FROM up JOIN aliases a ON a.absorbed = up.number
    ) SELECT number FROM up ORDER BY steps DESC LIMIT 1
"""
_FIND = text(f"""
    WITH RECURSIVE down (number) AS (
        SELECT CAST(:customer AS text) COLLATE "C"
        UNION
        SELECT a.absorbed FROM down JOIN aliases a ON a.survivor = down.number
    )
    SELECT ({_HOLDER}), {CASE_COLUMNS} FROM cases
    WHERE (CAST(:status AS text) IS NULL OR status = :status)
        AND (CAST(:customer AS text) IS NULL OR number IN (SELECT number FROM down))
    ORDER BY opened_at DESC, id LIMIT :limit
""")  # noqa: S608 (constants)
_GET = text(f"SELECT ({_HOLDER}), {CASE_COLUMNS} FROM cases WHERE id = :id")  # noqa: S608
_COUNT_CASES = text("SELECT status, count(*) FROM cases GROUP BY status")
_COUNT_BREACHED = text("SELECT count(*) FROM cases WHERE is_breached")
_COUNT_SUPPRESSED = text("""
    SELECT outcome, count(*) FROM warnings WHERE outcome <> 'opened' GROUP BY outcome
""")


async def find_cases(
    connection: AsyncConnection, *, status: str | None, customer: str | None, limit: int
) -> list[tuple[str, Case]]:
    """Present customer number and case, newest first."""
    parameters = {"status": status, "customer": customer, "limit": limit}
    found = await connection.execute(_FIND, parameters)
    return [(holder, to_case(row)) for holder, *row in found]


async def get_case(connection: AsyncConnection, id: str) -> tuple[str, Case] | None:
    """The case and its customer's present number, None where there is no such case."""
    row = (await connection.execute(_GET, {"id": id})).one_or_none()
    return None if row is None else (row[0], to_case(row[1:]))


async def sums(connection: AsyncConnection) -> tuple[dict[str, int], dict[str, int]]:
    """How many cases are how, and how many warnings opened none, by reason."""
    by_status: dict[str, int] = dict((await connection.execute(_COUNT_CASES)).all())
    breached = (await connection.execute(_COUNT_BREACHED)).scalar_one()
    suppressed: dict[str, int] = dict((await connection.execute(_COUNT_SUPPRESSED)).all())
    cases = {
        "opened": sum(by_status.values()),
        **{status: by_status.get(status, 0) for status in ("saved", "lost", "withdrawn")},
        "breached": breached,
        "open": by_status.get("open", 0),
    }
    return cases, suppressed
