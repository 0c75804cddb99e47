"""Every statement about notices: put aside until they are due, then taken, as sets."""

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_contracts.events.ticketing import DigestEntry
from careline_ticketing.rules.digests import Notice

_PUT_ASIDE = text("""
    INSERT INTO notices
        (id, due_at, customer, entry, hearers, is_for_account_manager, person)
    SELECT id, due_at, customer, CAST(entry AS jsonb), CAST(hearers AS jsonb),
        is_for_account_manager, person
    FROM unnest(
        CAST(:ids AS text[]), CAST(:dues AS timestamptz[]), CAST(:customers AS text[]),
        CAST(:entries AS text[]), CAST(:hearers AS text[]), CAST(:managers AS bool[]),
        CAST(:people AS text[]))
        AS notice (id, due_at, customer, entry, hearers, is_for_account_manager, person)
    ON CONFLICT DO NOTHING
""")
_TAKE = text("""
    DELETE FROM notices WHERE due_at <= :until
    RETURNING id, due_at, CAST(entry AS text), CAST(hearers AS text), is_for_account_manager, person
""")


async def put_aside(connection: AsyncConnection, notices: Sequence[Notice]) -> None:
    """Keeps what is to be heard."""
    await connection.execute(
        _PUT_ASIDE,
        {
            "ids": [notice.id for notice in notices],
            "dues": [notice.due_at for notice in notices],
            "customers": [notice.entry.customer for notice in notices],
            "entries": [notice.entry.to_json().decode() for notice in notices],
            "hearers": [json.dumps(notice.hearers) for notice in notices],
            "managers": [notice.is_for_account_manager for notice in notices],
            "people": [notice.person for notice in notices],
        },
    )


async def take(connection: AsyncConnection, until: datetime) -> list[Notice]:
    """All that is due by then; it waits no more."""
    rows = await connection.execute(_TAKE, {"until": until})
    return [
        Notice(id, due_at, DigestEntry.parse(entry.encode()), tuple(json.loads(hearers)), *whose)
        for id, due_at, entry, hearers, *whose in rows
    ]
