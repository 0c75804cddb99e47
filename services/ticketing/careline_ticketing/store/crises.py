"""Every statement about crises: the tickets of a window, what is open, who was informed."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_ticketing.rules.crisis import Affected, Crisis

CRISIS_JSON = TypeAdapter(Crisis)

# most minutes have too few customers to look closer
_AFFECTED = text("""
    WITH opened AS (
        SELECT t.id, t.customer, t.label, t.level, t.opened_at, c.tier
        FROM tickets t JOIN customers c ON c.number = t.customer
        WHERE t.opened_at > :start AND t.opened_at <= :end AND t.status <> 'merged')
    SELECT * FROM opened
    WHERE (SELECT count(DISTINCT customer) FROM opened) >= :fewest
    ORDER BY opened_at, id
""")
_OPEN = text("SELECT CAST(crisis AS text) FROM crises WHERE is_open ORDER BY id FOR UPDATE")
_ONE = text("SELECT CAST(crisis AS text) FROM crises WHERE id = :id FOR UPDATE")
_INFORM = text("""
    INSERT INTO informed (crisis, customer)
    SELECT :crisis, unnest(CAST(:customers AS text[])) ON CONFLICT DO NOTHING RETURNING customer
""")
_SAVE = text("""
    INSERT INTO crises (id, is_open, opened_at, crisis)
    VALUES (:id, :is_open, :opened_at, CAST(:crisis AS jsonb))
    ON CONFLICT (id) DO UPDATE SET is_open = excluded.is_open, crisis = excluded.crisis
""")


async def affected(
    connection: AsyncConnection, start: datetime, end: datetime, *, fewest: int
) -> list[Affected]:
    """The tickets opened after `start` and up to `end`; none if they have too few customers."""
    window = {"start": start, "end": end, "fewest": fewest}
    return [Affected(*row) for row in await connection.execute(_AFFECTED, window)]


async def open_crises(connection: AsyncConnection) -> list[Crisis]:
    """The crises that are not over, locked."""
    rows = await connection.execute(_OPEN)
    return [CRISIS_JSON.validate_json(document) for document in rows.scalars()]


async def find(connection: AsyncConnection, id: str) -> Crisis | None:
    """The crisis with this number, locked."""
    document = (await connection.execute(_ONE, {"id": id})).scalar_one_or_none()
    return None if document is None else CRISIS_JSON.validate_json(document)


async def inform(connection: AsyncConnection, crisis: str, customers: Sequence[str]) -> list[str]:
    """Those of `customers` who were not asked to be told of the crisis before; now they were."""
    rows = await connection.execute(_INFORM, {"crisis": crisis, "customers": customers})
    return sorted(rows.scalars())


async def save(connection: AsyncConnection, crisis: Crisis) -> None:
    """Keeps what others were told of a crisis."""
    await connection.execute(
        _SAVE,
        {
            "id": crisis.id,
            "is_open": crisis.closed_at is None,
            "opened_at": crisis.opened_at,
            "crisis": CRISIS_JSON.dump_json(crisis).decode(),
        },
    )
