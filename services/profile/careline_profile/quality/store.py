"""The statements that keep checks and proposed duplicates."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_profile.quality.model import Check
from careline_profile.quality.rules import Duplicate

_KEEP = text("""
    INSERT INTO quality_checks (week, figures) VALUES (:week, :figures)
    ON CONFLICT (week) DO UPDATE SET figures = excluded.figures
""")
# what somebody has dismissed is not proposed again
_PROPOSE = text("""
    INSERT INTO duplicates (a, b, similarity, kind, found_at)
    SELECT *, CAST(:at AS timestamptz) FROM unnest(
        CAST(:a AS text[]), CAST(:b AS text[]), CAST(:similarities AS int[]),
        CAST(:kinds AS text[]))
    ON CONFLICT (a, b) DO NOTHING
""")
_DISMISS = text("""
    UPDATE duplicates SET dismissed_at = :at, dismissed_by = :by
    WHERE (a, b) = (:a, :b) AND dismissed_at IS NULL
""")


async def keep(connection: AsyncConnection, week: date, check: Check) -> None:
    """Keeps the check of a week; a later one of the same week replaces it."""
    await connection.execute(_KEEP, {"week": week, "figures": check.model_dump_json()})


async def propose(connection: AsyncConnection, pairs: Sequence[Duplicate], *, at: datetime) -> None:
    """Puts pairs on the list for people."""
    found = sorted(pairs)
    if found:
        await connection.execute(
            _PROPOSE,
            {
                "a": [pair.a for pair in found],
                "b": [pair.b for pair in found],
                "similarities": [pair.similarity for pair in found],
                "kinds": [pair.kind for pair in found],
                "at": at,
            },
        )


async def dismiss(
    connection: AsyncConnection, pair: tuple[str, str], *, by: str, at: datetime
) -> bool:
    """Whether the pair was on the list; it no longer is."""
    a, b = sorted(pair)
    done = await connection.execute(_DISMISS, {"a": a, "b": b, "by": by, "at": at})
    return bool(done.rowcount)
