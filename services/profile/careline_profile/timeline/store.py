"""The statements that add to timelines, one for a batch, and that forget what is too old."""

from datetime import datetime, timedelta

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_contracts.envelope import Envelope
from careline_contracts.events.ingest import Touchpoint
from careline_profile.model import Ref

TOKEN_LENGTH = 32
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
# through the block range index on time: no look at what stays
_FORGET = text("""
    DELETE FROM timeline WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM timeline WHERE occurred_at < :before LIMIT :limit))
""")


class Happened:
    """The touchpoints of a batch."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, datetime, str, str, str, str]] = []

    def add(self, identity: Ref, cause: Envelope, touchpoint: Touchpoint) -> None:
        """A touchpoint, under the identity that it is attached by."""
        self._rows.append(
            (
                identity[-TOKEN_LENGTH:],
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
    """Forgets a bounded number of touchpoints that are too old; returns how many (0: all gone)."""
    before = now - timedelta(days=kept_days)
    done = await connection.execute(_FORGET, {"before": before, "limit": FORGOTTEN_AT_ONCE})
    return int(done.rowcount)
