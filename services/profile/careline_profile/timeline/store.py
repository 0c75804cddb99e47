"""The statements that add to timelines, one for a batch, and that forget what is too old."""

from datetime import datetime, timedelta

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_contracts.envelope import Envelope
from careline_contracts.events.ingest import Touchpoint
from careline_profile.model import Ref
from careline_profile.rules import token_of

FORGOTTEN_AT_ONCE = 5_000

# The inbox has passed each event once, so no key is looked for: the row and its place in one index
# are all that is written
_COLUMNS = ("tokens", "occurred", "events", "channels", "types", "bodies")
_ADD = text("""
    INSERT INTO timeline (token, occurred_at, event_key, channel, type, body)
    SELECT * FROM unnest(
        CAST(:tokens AS uuid[]), CAST(:occurred AS timestamptz[]), CAST(:events AS uuid[]),
        CAST(:channels AS text[]), CAST(:types AS text[]), CAST(:bodies AS text[]))
""")
# through the block range index on time: no look at what stays. Counts in order of key, so that two
# instances wait and don't deadlock
_FORGET = text("""
    WITH forgotten AS (
        DELETE FROM timeline WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM timeline WHERE occurred_at < :before LIMIT :limit))
        RETURNING token, channel, occurred_at
    ), counted AS (
        INSERT INTO forgotten_touchpoints AS known
        SELECT token, channel, count(*), min(occurred_at), max(occurred_at)
        FROM forgotten GROUP BY token, channel ORDER BY token, channel
        ON CONFLICT (token, channel) DO UPDATE SET
            touchpoints = known.touchpoints + excluded.touchpoints,
            first_at = least(known.first_at, excluded.first_at),
            last_at = greatest(known.last_at, excluded.last_at)
    )
    SELECT count(*) FROM forgotten
""")


class Happened:
    """The touchpoints of a batch."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, datetime, str, str, str, str]] = []

    def add(self, identity: Ref, cause: Envelope, touchpoint: Touchpoint) -> None:
        """A touchpoint, under the identity that it is attached by."""
        self._rows.append(
            (
                token_of(identity),
                cause.occurred_at,
                cause.event_key,
                touchpoint.channel,
                cause.type,
                orjson.dumps(touchpoint.body).decode(),
            )
        )

    async def save(self, connection: AsyncConnection) -> None:
        """Adds them all."""
        if self._rows:
            columns = map(list, zip(*self._rows, strict=True))
            await connection.execute(_ADD, dict(zip(_COLUMNS, columns, strict=True)))


async def forget(connection: AsyncConnection, now: datetime, *, kept_days: int) -> int:
    """Forgets a bounded number of touchpoints that are too old, but for how many they were.

    Returns how many (0: all gone).
    """
    before = now - timedelta(days=kept_days)
    asked = {"before": before, "limit": FORGOTTEN_AT_ONCE}
    forgotten: int = (await connection.execute(_FORGET, asked)).scalar_one()
    return forgotten
