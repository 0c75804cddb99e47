"""What the API asks of the database; nothing here is locked or changed."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_ticketing.model import Said
from careline_ticketing.store import SAID

_TICKET = text("SELECT CAST(said AS text) FROM tickets WHERE id = :id")
_TICKETS = text("""
    SELECT CAST(said AS text) FROM tickets
    WHERE (CAST(:status AS text) IS NULL OR status = :status)
        AND (CAST(:level AS text) IS NULL OR level = :level)
        AND (CAST(:customer AS text) IS NULL OR customer = (
            SELECT coalesce(survivor, number) FROM customers WHERE number = :customer))
        AND (CAST(:after AS text) IS NULL OR id > :after)
    ORDER BY id LIMIT :limit
""")
_COUNTS = text("""
    SELECT count(*) AS opened,
        count(*) FILTER (WHERE status IN ('resolved', 'closed')) AS resolved,
        count(*) FILTER (WHERE breaches > 0) AS breached,
        count(*) FILTER (WHERE status IN ('open', 'waiting')) AS open
    FROM tickets WHERE status <> 'merged'
""")


async def ticket(connection: AsyncConnection, id: str) -> Said | None:
    """The ticket with this number."""
    document = (await connection.execute(_TICKET, {"id": id})).scalar_one_or_none()
    return None if document is None else SAID.validate_json(document)


async def tickets(
    connection: AsyncConnection,
    *,
    status: str | None,
    customer: str | None,
    level: str | None,
    after: str | None,
    limit: int,
) -> list[Said]:
    """Tickets by number, after `after`; a customer may be asked for by an absorbed number."""
    wanted = {"status": status, "customer": customer, "level": level}
    rows = await connection.execute(_TICKETS, {**wanted, "after": after, "limit": limit})
    return [SAID.validate_json(document) for document in rows.scalars()]


async def counts(connection: AsyncConnection) -> dict[str, int]:
    """Tickets opened, resolved, breached and open."""
    return dict((await connection.execute(_COUNTS)).mappings().one())
