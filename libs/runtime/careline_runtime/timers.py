"""What must happen later: durable rows, each fired once, in a unit of work, when due."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

TimerKey = tuple[str, str]

_SET = text("""
    INSERT INTO timers (kind, key, due_at)
    SELECT * FROM unnest(
        CAST(:kinds AS text[]), CAST(:keys AS text[]), CAST(:dues AS timestamptz[]))
    ON CONFLICT (kind, key) DO UPDATE SET due_at = excluded.due_at
""")
_WAKE = text("""
    INSERT INTO timers (kind, key, due_at)
    SELECT * FROM unnest(
        CAST(:kinds AS text[]), CAST(:keys AS text[]), CAST(:dues AS timestamptz[]))
    ON CONFLICT (kind, key) DO UPDATE SET due_at = excluded.due_at
    WHERE excluded.due_at < timers.due_at
""")
_REMOVE = text("""
    DELETE FROM timers WHERE (kind, key) IN (
        SELECT * FROM unnest(CAST(:kinds AS text[]), CAST(:keys AS text[])))
""")
# SKIP LOCKED lets several instances fire different timers; the rows are gone with the commit
_TAKE_DUE = text("""
    DELETE FROM timers WHERE (kind, key) IN (
        SELECT kind, key FROM timers WHERE due_at <= :now
        ORDER BY due_at, kind, key LIMIT :limit FOR UPDATE SKIP LOCKED)
    RETURNING kind, key, due_at
""")
_NEXT_DUE = text("SELECT min(due_at) FROM timers")


class Due(NamedTuple):
    """A timer whose instant has come."""

    kind: str
    key: str
    due_at: datetime


async def save(connection: AsyncConnection, timers: Mapping[TimerKey, datetime | None]) -> None:
    """Sets each timer to its instant; None removes it."""
    kept = sorted((kind, key, due) for (kind, key), due in timers.items() if due is not None)
    if kept:
        await connection.execute(_SET, _columns(kept))
    removed = sorted(name for name, due in timers.items() if due is None)
    if removed:
        await connection.execute(
            _REMOVE, {"kinds": [k for k, _ in removed], "keys": [k for _, k in removed]}
        )


async def wake(connection: AsyncConnection, timers: Mapping[TimerKey, datetime]) -> None:
    """Brings each timer forward to its instant, or sets it if there is none."""
    wanted = sorted((kind, key, due) for (kind, key), due in timers.items())
    await connection.execute(_WAKE, _columns(wanted))


async def take_due(connection: AsyncConnection, now: datetime, *, limit: int) -> list[Due]:
    """The earliest timers due by `now`, in order of instant, taken out of the table."""
    rows = await connection.execute(_TAKE_DUE, {"now": now, "limit": limit})
    return sorted((Due(*row) for row in rows), key=lambda due: (due.due_at, due.kind, due.key))


async def next_due(connection: AsyncConnection) -> datetime | None:
    """The earliest instant any timer waits for."""
    due: datetime | None = (await connection.execute(_NEXT_DUE)).scalar_one()
    return due


def _columns(rows: Sequence[tuple[str, str, datetime]]) -> dict[str, object]:
    return {
        "kinds": [kind for kind, _, _ in rows],
        "keys": [key for _, key, _ in rows],
        "dues": [due for _, _, due in rows],
    }
