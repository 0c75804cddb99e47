"""What tickets have told so far, so that a later version can take its place."""

import json
from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_scoring.book import Told
from careline_scoring.model import Fact

_TOLD = text("""
    SELECT ticket, version, identity, CAST(facts AS text) FROM tickets
    WHERE ticket = ANY(CAST(:tickets AS text[]))
""")
_SAVE_TOLD = text("""
    INSERT INTO tickets (ticket, version, identity, facts)
    SELECT ticket, version, identity, CAST(facts AS jsonb) FROM unnest(
        CAST(:tickets AS text[]), CAST(:versions AS int[]), CAST(:identities AS text[]),
        CAST(:facts AS text[])) AS told (ticket, version, identity, facts)
    ON CONFLICT (ticket) DO UPDATE
    SET version = excluded.version, identity = excluded.identity, facts = excluded.facts
""")


async def told(connection: AsyncConnection, tickets: Collection[str]) -> dict[str, Told]:
    """What these tickets have said so far; those that never told of anything are left out."""
    if not tickets:
        return {}
    rows = await connection.execute(_TOLD, {"tickets": sorted(tickets)})
    return {
        ticket: Told(version, identity, tuple(Fact(*fact) for fact in json.loads(facts)))
        for ticket, version, identity, facts in rows
    }


async def save_told(connection: AsyncConnection, told: dict[str, Told]) -> None:
    """Keeps what these tickets tell now."""
    ordered = sorted(told.items())
    await connection.execute(
        _SAVE_TOLD,
        {
            "tickets": [ticket for ticket, _ in ordered],
            "versions": [now.version for _, now in ordered],
            "identities": [now.identity for _, now in ordered],
            "facts": [json.dumps(now.facts) for _, now in ordered],
        },
    )
