"""What the API asks of the database; nothing here is locked or changed."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_ticketing.model import Said
from careline_ticketing.rules.crisis import Crisis
from careline_ticketing.store import SAID
from careline_ticketing.store.crises import CRISIS_JSON

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
_OF_CUSTOMER = text("""
    SELECT CAST(said AS text) FROM tickets WHERE customer = (
        SELECT coalesce(survivor, number) FROM customers WHERE number = :customer)
""")
_CRISES = text("""
    SELECT CAST(crisis AS text) FROM crises
    WHERE CAST(:is_open AS boolean) IS NULL OR is_open = :is_open
    ORDER BY opened_at DESC, id LIMIT :limit
""")
MOST_IN_WORK = 10_000
SAMPLE = 500
_OPENED_BETWEEN = text("""
    SELECT CAST(said AS text) FROM tickets
    WHERE opened_at >= :start AND opened_at < :end AND status <> 'merged' ORDER BY opened_at, id
""")
_IN_WORK = text("""
    SELECT CAST(said AS text) FROM tickets WHERE status = 'open'
    ORDER BY opened_at, id LIMIT :limit
""")
_SOLVED_LATELY = text("""
    SELECT CAST(said AS text) FROM tickets WHERE status IN ('resolved', 'closed')
    ORDER BY opened_at DESC, id LIMIT :limit
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


async def live_ticket(connection: AsyncConnection, id: str) -> Said | None:
    """The ticket with this number, or the one that it was merged into."""
    said = await ticket(connection, id)
    if said is not None and said.merged_into is not None:
        said = await ticket(connection, said.merged_into)
    return said


async def ticket_of(connection: AsyncConnection, customer: str, event_key: str) -> Said | None:
    """The customer's ticket to which an event belongs."""
    rows = await connection.execute(_OF_CUSTOMER, {"customer": customer})
    of_customer = (SAID.validate_json(document) for document in rows.scalars())
    found = (s for s in of_customer if any(step.key == event_key for step in s.ticket.steps))
    return next((said for said in found if said.merged_into is None), None)


async def crises(connection: AsyncConnection, *, status: str | None, limit: int) -> list[Crisis]:
    """Crises, the latest first."""
    is_open = None if status is None else status == "open"
    rows = await connection.execute(_CRISES, {"is_open": is_open, "limit": limit})
    return [CRISIS_JSON.validate_json(document) for document in rows.scalars()]


async def opened_between(connection: AsyncConnection, start: datetime, end: datetime) -> list[Said]:
    """All tickets opened in this time, oldest first."""
    rows = await connection.execute(_OPENED_BETWEEN, {"start": start, "end": end})
    return [SAID.validate_json(document) for document in rows.scalars()]


async def in_work(connection: AsyncConnection) -> list[Said]:
    """Open tickets on which we can work, the oldest ones first."""
    rows = await connection.execute(_IN_WORK, {"limit": MOST_IN_WORK})
    return [SAID.validate_json(document) for document in rows.scalars()]


async def solved_lately(connection: AsyncConnection) -> list[Said]:
    """The youngest tickets that are solved: how long such work takes."""
    rows = await connection.execute(_SOLVED_LATELY, {"limit": SAMPLE})
    return [SAID.validate_json(document) for document in rows.scalars()]


async def counts(connection: AsyncConnection) -> dict[str, int]:
    """Tickets opened, resolved, breached and open."""
    return dict((await connection.execute(_COUNTS)).mappings().one())
