"""What is asked about a timeline: one page of it, or how much there is in each channel."""

from collections.abc import Collection
from datetime import datetime

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_profile.model import Ref
from careline_profile.rules import token_of
from careline_profile.timeline.model import Contacts, Entry, Wanted

# for each identity the newest that are wanted, from the end of its index, and of them the newest:
# a customer with a hundred thousand touchpoints costs one page
_PAGE = text("""
    SELECT newest.* FROM unnest(CAST(:tokens AS uuid[])) AS own (token)
    CROSS JOIN LATERAL (
        SELECT t.token, t.occurred_at, t.event_key, t.channel, t.type, t.body
        FROM timeline t
        WHERE t.token = own.token
            AND (CAST(:since AS timestamptz) IS NULL OR t.occurred_at >= :since)
            AND (CAST(:until AS timestamptz) IS NULL OR t.occurred_at < :until)
            AND (CAST(:after AS timestamptz) IS NULL
                OR t.occurred_at <= :after
                AND (t.occurred_at, t.event_key) < (:after, CAST(:after_event AS uuid)))
            AND (CAST(:channel AS text) IS NULL OR t.channel = :channel)
            AND (CAST(:type AS text) IS NULL OR t.type = :type)
        ORDER BY t.occurred_at DESC, t.event_key DESC LIMIT :limit
    ) AS newest
    ORDER BY occurred_at DESC, event_key DESC LIMIT :limit
""")

# from the index alone, as far as the timeline goes, and before it from what was counted
_CONTACTS = text("""
    SELECT channel, CAST(sum(touchpoints) AS bigint), min(first_at), max(last_at)
    FROM (
        SELECT channel, count(*) AS touchpoints,
            min(occurred_at) AS first_at, max(occurred_at) AS last_at
        FROM timeline WHERE token = ANY(CAST(:tokens AS uuid[]))
            AND (CAST(:until AS timestamptz) IS NULL OR occurred_at <= :until)
        GROUP BY channel
        UNION ALL
        SELECT channel, touchpoints, first_at, last_at
        FROM forgotten_touchpoints WHERE token = ANY(CAST(:tokens AS uuid[]))
            AND (CAST(:until AS timestamptz) IS NULL OR last_at <= :until)
    ) AS counted
    GROUP BY channel ORDER BY channel
""")


async def page(
    connection: AsyncConnection, tokens: Collection[str], wanted: Wanted, *, limit: int
) -> list[Entry]:
    """The newest touchpoints of these identities that are wanted, newest first."""
    rows = await connection.execute(
        _PAGE,
        {
            "tokens": sorted(tokens),
            "since": wanted.since,
            "until": wanted.until,
            "after": wanted.after and wanted.after.occurred_at,
            "after_event": wanted.after and wanted.after.event_key,
            "channel": wanted.channel,
            "type": wanted.type,
            "limit": limit,
        },
    )
    return [
        Entry(token.hex, occurred_at, event_key.hex, channel, type, orjson.loads(body))
        for token, occurred_at, event_key, channel, type, body in rows
    ]


async def touchpoints_by_channel(
    connection: AsyncConnection, refs: Collection[Ref], *, until: datetime | None = None
) -> list[Contacts]:
    """How often these identities were in touch, until then or now, what is forgotten included (with
    `until`: as far as it was all over by then)."""
    asked = {"tokens": [token_of(ref) for ref in refs], "until": until}
    rows = await connection.execute(_CONTACTS, asked)
    return [Contacts(*row) for row in rows]
