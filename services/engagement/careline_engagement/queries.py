"""What people may ask: cases by status, playbook and customer, contacts, and the sums."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_engagement.model import Case
from careline_engagement.store.cases import CASE_COLUMNS, Asked, to_case

# the customer's number as it is now: after merges, the one that has absorbed the case's
_HOLDER = """
    WITH RECURSIVE up (number, steps) AS (
        SELECT cases.number, 0
        UNION
        SELECT a.survivor, steps + 1 FROM up JOIN aliases a ON a.absorbed = up.number
    ) SELECT number FROM up ORDER BY steps DESC LIMIT 1
"""
_DOWN = """
    WITH RECURSIVE down (number) AS (
        SELECT CAST(:customer AS text) COLLATE "C"
        UNION
        SELECT a.absorbed FROM down JOIN aliases a ON a.survivor = down.number
    )
"""
_FIND = text(f"""
    {_DOWN}
    SELECT ({_HOLDER}), {CASE_COLUMNS} FROM cases
    WHERE NOT held_out
        AND (CAST(:status AS text) IS NULL OR status = :status)
        AND (CAST(:playbook AS text) IS NULL OR playbook = :playbook)
        AND (CAST(:customer AS text) IS NULL OR number IN (SELECT number FROM down))
    ORDER BY opened_at DESC, id LIMIT :limit
""")  # noqa: S608 (constants)
_GET = text(f"SELECT ({_HOLDER}), {CASE_COLUMNS} FROM cases WHERE id = :id")  # noqa: S608
_CONTACTS = text(f"""
    {_DOWN}
    SELECT number, at, case_id, step, playbook, channel, purpose, verdict, reason, earliest_at
    FROM contacts WHERE number IN (SELECT number FROM down)
    ORDER BY at DESC, case_id, step LIMIT :limit
""")  # noqa: S608 (a constant)
_COUNT_CASES = text("""
    SELECT playbook, status, count(*), count(*) FILTER (WHERE is_breached)
    FROM cases WHERE NOT held_out GROUP BY playbook, status
""")
_COUNT_UNOPENED = text("""
    SELECT outcome, count(*) FROM entries WHERE outcome <> 'opened' GROUP BY outcome
""")
_COUNT_CONTACTS = text("""
    SELECT verdict, count(*) FROM contacts GROUP BY verdict
""")


async def find_cases(
    connection: AsyncConnection,
    *,
    status: str | None,
    playbook: str | None,
    customer: str | None,
    limit: int,
) -> list[tuple[str, Case]]:
    """Present customer number and case, newest first."""
    parameters = {"status": status, "playbook": playbook, "customer": customer, "limit": limit}
    found = await connection.execute(_FIND, parameters)
    return [(holder, to_case(row)) for holder, *row in found]


async def get_case(connection: AsyncConnection, id: str) -> tuple[str, Case] | None:
    """The case and its customer's present number, None where there is no such case."""
    row = (await connection.execute(_GET, {"id": id})).one_or_none()
    return None if row is None else (row[0], to_case(row[1:]))


async def contacts_of(connection: AsyncConnection, customer: str, *, limit: int) -> list[Asked]:
    """What became of each outreach to a customer, newest first."""
    found = await connection.execute(_CONTACTS, {"customer": customer, "limit": limit})
    return [Asked(*row) for row in found]


async def count_cases(connection: AsyncConnection) -> Sequence[Sequence[Any]]:
    """Playbook, status, how many cases, and how many of them missed a step."""
    return (await connection.execute(_COUNT_CASES)).all()


async def count_unopened(connection: AsyncConnection) -> dict[str, int]:
    """How many entries opened no case, by reason."""
    return dict((await connection.execute(_COUNT_UNOPENED)).all())


async def count_contacts(connection: AsyncConnection) -> dict[str, int]:
    """How many outreaches were sent, are held or were suppressed."""
    return dict((await connection.execute(_COUNT_CONTACTS)).all())
