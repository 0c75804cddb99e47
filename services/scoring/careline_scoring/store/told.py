"""What counts by now of what tickets have told, and which events told of outreach."""

import json
from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_scoring.book import Answer, Told
from careline_scoring.model import Fact
from careline_scoring.store.days import DATE

_TOLD = text("""
    SELECT ticket, version, identity, CAST(facts AS text), event_id FROM tickets
    WHERE ticket = ANY(CAST(:tickets AS text[]))
""")
_SAVE_TOLD = text("""
    INSERT INTO tickets (ticket, version, identity, facts, event_id)
    SELECT ticket, version, identity, CAST(facts AS jsonb), event_id FROM unnest(
        CAST(:tickets AS text[]), CAST(:versions AS int[]), CAST(:identities AS text[]),
        CAST(:facts AS text[]), CAST(:events AS text[])
    ) AS told (ticket, version, identity, facts, event_id)
    ON CONFLICT (ticket) DO UPDATE SET version = excluded.version, identity = excluded.identity,
        facts = excluded.facts, event_id = excluded.event_id
""")
_SAVE_ANSWERS = text(f"""
    INSERT INTO answers (event_key, event_id, identity, day, kind)
    SELECT CAST(key AS uuid), event_id, identity, {DATE}, kind FROM unnest(
        CAST(:keys AS text[]), CAST(:events AS text[]), CAST(:identities AS text[]),
        CAST(:days AS int[]), CAST(:kinds AS text[])
    ) AS answer (key, event_id, identity, day, kind)
    ON CONFLICT DO NOTHING
""")  # noqa: S608 (a constant)


async def told(connection: AsyncConnection, tickets: Collection[str]) -> dict[str, Told]:
    """What counts of these tickets by now; those that never told of anything are left out."""
    if not tickets:
        return {}
    rows = await connection.execute(_TOLD, {"tickets": sorted(tickets)})
    return {
        ticket: Told(version, identity, read_facts(facts), event_id)
        for ticket, version, identity, facts, event_id in rows
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
            "events": [now.event_id for _, now in ordered],
        },
    )


async def save_answers(connection: AsyncConnection, answers: Collection[Answer]) -> None:
    """Keeps which events the facts of outreach came from."""
    ordered = sorted(answers)
    await connection.execute(
        _SAVE_ANSWERS,
        {
            "keys": [one.event_key for one in ordered],
            "events": [one.event_id for one in ordered],
            "identities": [one.identity for one in ordered],
            "days": [one.day for one in ordered],
            "kinds": [one.kind for one in ordered],
        },
    )


def read_facts(text: str) -> tuple[Fact, ...]:
    """Facts as they are kept of a ticket."""
    return tuple(Fact(*fact) for fact in json.loads(text))
