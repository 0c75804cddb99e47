"""Every statement that writes the record: facts are added, and never changed."""

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_profile.model import Change, Ref, Reminded
from careline_profile.record.model import Book, Fact
from careline_profile.record.queries import facts_of

# What was answered about the past stays so: a fact that comes after an answer about `until` is
# known a moment later than that, whenever the edge recorded it. The row is locked until the commit,
# so an answer waits for the units that are under way (queries.close_the_past).
_ADD_FACTS = text("""
    INSERT INTO facts (ref, field, item, event_key, value, token, shared, source, verified_by,
        flaw, occurred_at, known_at, ends_at, reason)
    SELECT ref, field, item, event_key, value, token, shared, source, verified_by, flaw,
        occurred_at,
        greatest(known_at, (SELECT until + interval '1 microsecond' FROM answered FOR SHARE)),
        ends_at, reason
    FROM unnest(
        CAST(:refs AS text[]), CAST(:fields AS text[]), CAST(:items AS text[]),
        CAST(:events AS uuid[]), CAST(:values AS text[]), CAST(:tokens AS uuid[]),
        CAST(:shared AS text[]), CAST(:sources AS text[]), CAST(:verified AS text[]),
        CAST(:flaws AS text[]), CAST(:occurred AS timestamptz[]), CAST(:known AS timestamptz[]),
        CAST(:ends AS timestamptz[]), CAST(:reasons AS text[])
    ) AS told (ref, field, item, event_key, value, token, shared, source, verified_by, flaw,
        occurred_at, known_at, ends_at, reason)
    ON CONFLICT DO NOTHING
""")
_ADD_REMINDERS = text("""
    INSERT INTO reminders (key, ref, cause, reference, raised_at, account_manager)
    SELECT * FROM unnest(
        CAST(:keys AS uuid[]), CAST(:refs AS text[]), CAST(:causes AS text[]),
        CAST(:references AS text[]), CAST(:raised AS timestamptz[]), CAST(:managers AS text[]))
    ON CONFLICT DO NOTHING
""")
_CLEAR = text("""
    UPDATE reminders SET done_at = :at, done_by = :by
    WHERE key = CAST(:key AS uuid) AND ref = ANY(CAST(:refs AS text[])) AND done_at IS NULL
""")


async def load(connection: AsyncConnection, refs: Collection[Ref]) -> Book:
    """The book of the customers that have these identities."""
    return Book(await facts_of(connection, refs) if refs else ())


async def save(connection: AsyncConnection, facts: Collection[Fact]) -> None:
    """Adds what a batch was told."""
    if not facts:
        return
    told = sorted(facts, key=lambda f: (f.ref, f.slot, f.event_key))
    await connection.execute(
        _ADD_FACTS,
        {
            "refs": [f.ref for f in told],
            "fields": [f.slot.field for f in told],
            "items": [f.slot.item for f in told],
            "events": [f.event_key for f in told],
            "values": [f.value for f in told],
            "tokens": [f.token for f in told],
            "shared": [f.shared for f in told],
            "sources": [f.source for f in told],
            "verified": [f.verified_by for f in told],
            "flaws": [f.flaw for f in told],
            "occurred": [f.occurred_at for f in told],
            "known": [f.known_at for f in told],
            "ends": [f.ends_at for f in told],
            "reasons": [f.reason for f in told],
        },
    )


async def add_reminders(connection: AsyncConnection, changes: Iterable[Change]) -> None:
    """Keeps what somebody is to look at."""
    raised = sorted(
        (change.reminder, change.account_manager)
        for change in changes
        if isinstance(change, Reminded)
    )
    if raised:
        await connection.execute(
            _ADD_REMINDERS,
            {
                "keys": [reminder.key for reminder, _ in raised],
                "refs": [reminder.ref for reminder, _ in raised],
                "causes": [reminder.cause for reminder, _ in raised],
                "references": [reminder.reference for reminder, _ in raised],
                "raised": [reminder.raised_at for reminder, _ in raised],
                "managers": [manager for _, manager in raised],
            },
        )


async def clear_reminder(
    connection: AsyncConnection, key: str, refs: Collection[Ref], *, by: str, at: datetime
) -> bool:
    """Whether the reminder stood, under one of these identities; it no longer does."""
    done = await connection.execute(_CLEAR, {"key": key, "refs": sorted(refs), "by": by, "at": at})
    return bool(done.rowcount)
