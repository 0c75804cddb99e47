"""Every statement about notices: put aside until their digest is due, then taken, as sets."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_contracts.events.ticketing import DigestEntry
from careline_ticketing.rules.digests import Notice

_PUT_ASIDE = text("""
    INSERT INTO notices (id, person, customer, due_at, entry)
    SELECT id, person, customer, due_at, CAST(entry AS jsonb)
    FROM unnest(
        CAST(:ids AS text[]), CAST(:people AS text[]), CAST(:customers AS text[]),
        CAST(:dues AS timestamptz[]), CAST(:entries AS text[]))
        AS notice (id, person, customer, due_at, entry)
    ON CONFLICT DO NOTHING
""")
_TAKE = text("""
    DELETE FROM notices WHERE (person, due_at) IN (
        SELECT * FROM unnest(CAST(:people AS text[]), CAST(:dues AS timestamptz[])))
    RETURNING person, due_at, id, CAST(entry AS text)
""")


async def put_aside(connection: AsyncConnection, notices: Sequence[Notice]) -> None:
    """Keeps what somebody is to hear."""
    await connection.execute(
        _PUT_ASIDE,
        {
            "ids": [notice.id for notice in notices],
            "people": [notice.person for notice in notices],
            "customers": [notice.entry.customer for notice in notices],
            "dues": [notice.due_at for notice in notices],
            "entries": [notice.entry.to_json().decode() for notice in notices],
        },
    )


async def take(
    connection: AsyncConnection, digests: Sequence[tuple[str, datetime]]
) -> list[Notice]:
    """What waits for these digests, each named by person and instant; it waits no more."""
    people, dues = [person for person, _ in digests], [due_at for _, due_at in digests]
    rows = await connection.execute(_TAKE, {"people": people, "dues": dues})
    found = [Notice(person, due, id, _entry(entry)) for person, due, id, entry in rows]
    return sorted(found, key=lambda notice: (notice.person, notice.due_at, notice.id))


def _entry(document: str) -> DigestEntry:
    return DigestEntry.parse(document.encode())
