"""When account managers are away, and whose work that concerns."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_engagement.model import Absence

_ADD = text("""
    INSERT INTO absences (owner, name, at, event_id, begins_at, ends_at, deputy)
    SELECT * FROM unnest(
        CAST(:owners AS text[]), CAST(:names AS text[]), CAST(:ats AS timestamptz[]),
        CAST(:events AS text[]), CAST(:begins AS timestamptz[]), CAST(:ends AS timestamptz[]),
        CAST(:deputies AS text[]))
    ON CONFLICT DO NOTHING
""")
# who is away may be the deputy of another, whose customers change hands then, too
LOOKED_AFTER = """
    WITH RECURSIVE stands_in (owner, for_owner) AS (
        SELECT DISTINCT name COLLATE "C", name COLLATE "C"
        FROM unnest(CAST(:owners AS text[])) AS asked (name)
        UNION
        SELECT s.owner, a.owner FROM stands_in s JOIN absences a ON a.deputy = s.for_owner
    )
    SELECT r.number, s.owner
    FROM stands_in s JOIN records r ON r.attributes ->> 'account_manager' = s.for_owner
    WHERE r.version = (SELECT max(version) FROM records one WHERE one.number = r.number)
        AND NOT EXISTS (SELECT FROM aliases a WHERE a.absorbed = r.number)
"""
_LOOKED_AFTER = text(LOOKED_AFTER)
_NEXT_TURNS = text("""
    SELECT a.owner, min(turn.at)
    FROM unnest(CAST(:owners AS text[]), CAST(:ats AS timestamptz[])) AS asked (owner, at)
    JOIN absences a ON a.owner = asked.owner
    CROSS JOIN LATERAL (VALUES (a.at), (a.begins_at), (a.ends_at)) AS turn (at)
    WHERE turn.at > asked.at GROUP BY a.owner
""")
_OF_MANAGERS = text("""
    WITH RECURSIVE who (owner) AS (
        SELECT DISTINCT unnest(CAST(:managers AS text[])) COLLATE "C"
        UNION
        SELECT a.deputy FROM who JOIN absences a ON a.owner = who.owner
    )
    SELECT a.owner, a.name, a.at, a.event_id, a.begins_at, a.ends_at, a.deputy
    FROM who JOIN absences a ON a.owner = who.owner
    ORDER BY a.owner, a.at, a.event_id
""")


async def add_absences(connection: AsyncConnection, absences: Sequence[Absence]) -> None:
    """Adds what was said of absences."""
    await connection.execute(
        _ADD,
        {
            "owners": [a.owner for a in absences],
            "names": [a.name for a in absences],
            "ats": [a.at for a in absences],
            "events": [a.event_id for a in absences],
            "begins": [a.begins_at for a in absences],
            "ends": [a.ends_at for a in absences],
            "deputies": [a.deputy for a in absences],
        },
    )


async def absences_of(
    connection: AsyncConnection, managers: Collection[str]
) -> dict[str, list[Absence]]:
    """What was said of the absences of account managers and of those who stand in for them."""
    found: dict[str, list[Absence]] = {}
    for row in await connection.execute(_OF_MANAGERS, {"managers": sorted(managers)}):
        found.setdefault(row.owner, []).append(Absence(*row))
    return found


async def looked_after_by(connection: AsyncConnection, owners: Collection[str]) -> set[str]:
    """The customers whose work may change hands with these owners."""
    rows = await connection.execute(_LOOKED_AFTER, {"owners": sorted(owners)})
    return set(rows.scalars())


async def next_turns(
    connection: AsyncConnection, turns: Mapping[str, datetime]
) -> dict[str, datetime]:
    """Of each owner the first instant after this one at which an absence begins or ends."""
    rows = await connection.execute(
        _NEXT_TURNS, {"owners": list(turns), "ats": list(turns.values())}
    )
    return dict(rows.all())
