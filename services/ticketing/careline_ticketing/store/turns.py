"""Every statement about assignment: whose turn it is, how busy they are, and who waits."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_ticketing.desk import BEFORE_ALL
from careline_ticketing.model import Said
from careline_ticketing.policy import Lanes
from careline_ticketing.rules.assignment import Turn
from careline_ticketing.store import SAID

AT_ONCE = 500
"""The most tickets of a kind that are looked at in one unit; the rest follow in the next."""

_ADD_TURNS = text("""
    INSERT INTO turns (agent, last_at) SELECT unnest(CAST(:agents AS text[])), :never
    ON CONFLICT DO NOTHING
""")
# Whoever holds these rows is the only one who assigns. The driver keeps `BEFORE_ALL` as -infinity,
# and reads that as an instant without a zone, which can't be compared with any other.
_TURNS = text("""
    SELECT agent, nullif(last_at, '-infinity') AS last_at FROM turns ORDER BY agent FOR UPDATE
""")
_LOADS = text("""
    SELECT agent, count(*) AS load FROM tickets
    WHERE agent IS NOT NULL AND status IN ('open', 'waiting') GROUP BY agent
""")
# of each kind by itself: what nobody can take stands before nothing that somebody can
_QUEUE = text("""
    WITH waiting AS (
        SELECT t.id, row_number() OVER (
            PARTITION BY t.kind ORDER BY t.opened_at
                - interval '1 hour' * (
                    coalesce(level.hours, 0) + coalesce(tier.hours, 0) + coalesce(care.hours, 0)),
                t.id
            ) AS place
        FROM tickets t JOIN customers c ON c.number = t.customer
            LEFT JOIN unnest(CAST(:levels AS text[]), CAST(:level_hours AS int[]))
                AS level (name, hours) ON level.name = t.level
            LEFT JOIN unnest(CAST(:tiers AS text[]), CAST(:tier_hours AS int[]))
                AS tier (name, hours) ON tier.name = c.tier
            LEFT JOIN LATERAL (
                SELECT max(hours) AS hours
                FROM unnest(CAST(:cares AS text[]), CAST(:care_hours AS int[])) AS one (name, hours)
                WHERE name = ANY(c.care)) AS care ON true
        WHERE t.status IN ('open', 'waiting')
            AND (t.agent IS NULL OR t.agent = ANY(CAST(:away AS text[]))))
    SELECT CAST(t.said AS text) AS said, c.tier, c.account_manager, c.care, c.as_of
    FROM waiting JOIN tickets t USING (id) JOIN customers c ON c.number = t.customer
    WHERE waiting.place <= :limit
""")
_TAKE_TURNS = text("""
    UPDATE turns SET last_at = taken.last_at
    FROM unnest(CAST(:agents AS text[]), CAST(:lasts AS timestamptz[])) AS taken (agent, last_at)
    WHERE turns.agent = taken.agent
""")


class Place(NamedTuple):
    """A ticket in the queue."""

    said: Said
    tier: str | None
    account_manager: str | None
    care: Sequence[str]
    as_of: datetime
    """Up to which its customer was decided."""


async def turns(connection: AsyncConnection, agents: Sequence[str]) -> dict[str, Turn]:
    """Each agent's turn; nobody else assigns until this unit ends."""
    await connection.execute(_ADD_TURNS, {"agents": agents, "never": BEFORE_ALL})
    lasts = {row.agent: row.last_at or BEFORE_ALL for row in await connection.execute(_TURNS)}
    busy = await loads(connection)
    return {agent: Turn(busy.get(agent, 0), lasts[agent]) for agent in agents}


async def loads(connection: AsyncConnection) -> dict[str, int]:
    """How many open tickets each agent holds; who holds none is left out."""
    return {row.agent: row.load for row in await connection.execute(_LOADS)}


async def queue(connection: AsyncConnection, away: Sequence[str], lanes: Lanes) -> list[Place]:
    """The tickets that nobody holds, or somebody who is away; of each kind those served first."""
    rows = await connection.execute(
        _QUEUE,
        {
            "away": away,
            "levels": list(lanes.level_hours),
            "level_hours": list(lanes.level_hours.values()),
            "tiers": list(lanes.tier_hours),
            "tier_hours": list(lanes.tier_hours.values()),
            "cares": list(lanes.care_hours),
            "care_hours": list(lanes.care_hours.values()),
            "limit": AT_ONCE,
        },
    )
    return [Place(SAID.validate_json(said), *rest) for said, *rest in rows]


async def take_turns(connection: AsyncConnection, agents: Sequence[str], as_of: datetime) -> None:
    """Those who were given a ticket, in this order, come last from now on."""
    lasts = {agent: as_of + timedelta(microseconds=number) for number, agent in enumerate(agents)}
    if lasts:
        names = sorted(lasts)
        values = {"agents": names, "lasts": [lasts[name] for name in names]}
        await connection.execute(_TAKE_TURNS, values)
