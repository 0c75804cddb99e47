"""What people may ask: cases by status, playbook, customer and owner, contacts, and the sums."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_contracts.events.engagement import FollowUpRecorded
from careline_engagement.model import Absence, Case
from careline_engagement.rules.uplift import Group
from careline_engagement.store.absences import LOOKED_AFTER
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
        AND (CAST(:owner AS text) IS NULL OR owner = :owner)
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
_FOLLOW_UPS = text(f"""
    {_DOWN}
    SELECT at, CAST(said AS text) FROM follow_ups WHERE number IN (SELECT number FROM down)
    ORDER BY at DESC, event_id LIMIT :limit
""")  # noqa: S608 (a constant)
_CUSTOMERS_OF = text(
    f"SELECT DISTINCT number FROM ({LOOKED_AFTER}) AS found ORDER BY number LIMIT :limit"  # noqa: S608
)
_ABSENCES_OF = text("""
    SELECT DISTINCT ON (name) owner, name, at, event_id, begins_at, ends_at, deputy
    FROM absences WHERE owner = :owner ORDER BY name, at DESC, event_id DESC
""")
# whose window is over: who buys at once would else be counted before who may still buy
_GROUPS = text("""
    SELECT held_out, count(*), count(*) FILTER (WHERE status = :goal)
    FROM cases
    WHERE playbook = :playbook AND digest = ANY(CAST(:digests AS text[])) AND ends_at <= :as_of
    GROUP BY held_out
""")
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
    owner: str | None,
    limit: int,
) -> list[tuple[str, Case]]:
    """Present customer number and case, newest first."""
    wanted = {"status": status, "playbook": playbook, "customer": customer, "owner": owner}
    found = await connection.execute(_FIND, {**wanted, "limit": limit})
    return [(holder, to_case(row)) for holder, *row in found]


async def get_case(connection: AsyncConnection, id: str) -> tuple[str, Case] | None:
    """The case and its customer's present number, None where there is no such case."""
    row = (await connection.execute(_GET, {"id": id})).one_or_none()
    return None if row is None else (row[0], to_case(row[1:]))


async def contacts_of(connection: AsyncConnection, customer: str, *, limit: int) -> list[Asked]:
    """What became of each outreach to a customer, newest first."""
    found = await connection.execute(_CONTACTS, {"customer": customer, "limit": limit})
    return [Asked(*row) for row in found]


async def follow_ups_of(
    connection: AsyncConnection, customer: str, *, limit: int
) -> list[tuple[datetime, FollowUpRecorded]]:
    """What came of contacts with a customer, newest first."""
    found = await connection.execute(_FOLLOW_UPS, {"customer": customer, "limit": limit})
    return [(at, FollowUpRecorded.parse(said.encode())) for at, said in found]


async def customers_of(connection: AsyncConnection, owner: str, *, limit: int) -> list[str]:
    """The customers of an account manager, and of those for whom they stand in."""
    wanted = {"owners": [owner], "limit": limit}
    return list((await connection.execute(_CUSTOMERS_OF, wanted)).scalars())


async def absences_of(connection: AsyncConnection, owner: str) -> list[Absence]:
    """When somebody is away, by what was said last of each absence."""
    return [Absence(*row) for row in await connection.execute(_ABSENCES_OF, {"owner": owner})]


async def groups(
    connection: AsyncConnection,
    *,
    playbook: str,
    digests: Collection[str],
    goal: str,
    as_of: datetime,
) -> tuple[Group, Group]:
    """Who was cared for and who was left alone, of the cases whose window is over."""
    found = await connection.execute(
        _GROUPS, {"playbook": playbook, "digests": list(digests), "goal": goal, "as_of": as_of}
    )
    by_group = {held_out: Group(cases, reached) for held_out, cases, reached in found}
    return by_group.get(False, Group(0, 0)), by_group.get(True, Group(0, 0))


async def count_cases(connection: AsyncConnection) -> Sequence[Sequence[Any]]:
    """Playbook, status, how many cases, and how many of them missed a step."""
    return (await connection.execute(_COUNT_CASES)).all()


async def count_unopened(connection: AsyncConnection) -> dict[str, int]:
    """How many entries opened no case, by reason."""
    return dict((await connection.execute(_COUNT_UNOPENED)).all())


async def count_contacts(connection: AsyncConnection) -> dict[str, int]:
    """How many outreaches were sent, are held or were suppressed."""
    return dict((await connection.execute(_COUNT_CONTACTS)).all())
