"""The two nets of a unit of work: what was handled before is not handled again.

Per partition the next offset is kept under a row lock: it catches redelivery, rebalances in the
background and zombies, for ever, at the price of a row a partition. The inbox remembers
`(source, id)`: it catches producers', HTTP clients' and dead-letter replays' duplicates.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from aiokafka import ConsumerRecord
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_contracts.topics import CATALOGUE

KEPT = timedelta(days=7 + max(t.retention_days for t in CATALOGUE if t.kind != "state"))
"""How long the inbox remembers: as long as a topic, or the dead letters of one of its readers, may
give the event again, and a week for how late that reader was. Kafka keeps records by the real time
even under a replay clock: the database's time counts here, and no decision depends on it."""

ROWS_A_FORGETTING = 5_000
"""7 ms of deleting were measured."""

_LOCK_OFFSETS = text("""
    SELECT topic, partition, next_offset FROM consumer_offsets
    WHERE (topic, partition) IN (
        SELECT * FROM unnest(CAST(:topics AS text[]), CAST(:partitions AS int[])))
    ORDER BY topic, partition FOR UPDATE
""")
_OPEN_OFFSETS = text("""
    INSERT INTO consumer_offsets (topic, partition, next_offset)
    SELECT topic, partition, 0
    FROM unnest(CAST(:topics AS text[]), CAST(:partitions AS int[])) AS wanted (topic, partition)
    ORDER BY topic, partition
    ON CONFLICT DO NOTHING
""")
_MOVE_OFFSETS = text("""
    UPDATE consumer_offsets SET next_offset = moved.next_offset
    FROM unnest(CAST(:topics AS text[]), CAST(:partitions AS int[]), CAST(:nexts AS bigint[]))
        AS moved (topic, partition, next_offset)
    WHERE consumer_offsets.topic = moved.topic AND consumer_offsets.partition = moved.partition
""")
# answers with the places of those that were there: none of them, nearly always
_REMEMBER = text("""
    WITH marks AS (
        SELECT * FROM unnest(CAST(:keys AS uuid[])) WITH ORDINALITY AS marks (event_key, place)),
    new AS (
        INSERT INTO inbox (event_key)
        SELECT event_key FROM marks
        ON CONFLICT DO NOTHING
        RETURNING event_key)
    SELECT place FROM marks LEFT JOIN new USING (event_key) WHERE new.event_key IS NULL
""")
_FORGET_OLD = text("""
    DELETE FROM inbox WHERE event_key = ANY(ARRAY(
        SELECT event_key FROM inbox WHERE recorded_at < now() - CAST(:kept AS interval)
        ORDER BY recorded_at LIMIT :limit FOR UPDATE SKIP LOCKED))
""")
_FORGET = text("DELETE FROM inbox WHERE event_key = ANY(CAST(:keys AS uuid[]))")

Offsets = dict[tuple[str, int], int]


def ends(records: Iterable[ConsumerRecord]) -> Offsets:
    """Per partition, the offset after the last of `records` (given in order)."""
    return {(record.topic, record.partition): record.offset + 1 for record in records}


async def lock_offsets(connection: AsyncConnection, places: Iterable[tuple[str, int]]) -> Offsets:
    """The next offset of each `(topic, partition)`, locked until the unit ends."""
    ordered = sorted(places)
    wanted = {"topics": [t for t, _ in ordered], "partitions": [p for _, p in ordered]}
    rows = (await connection.execute(_LOCK_OFFSETS, wanted)).all()
    if len(rows) < len(ordered):
        await connection.execute(_OPEN_OFFSETS, wanted)
        rows = (await connection.execute(_LOCK_OFFSETS, wanted)).all()
    return {(topic, partition): next_offset for topic, partition, next_offset in rows}


async def move_offsets(connection: AsyncConnection, nexts: Mapping[tuple[str, int], int]) -> None:
    """Everything before these offsets is handled once this unit commits."""
    await connection.execute(
        _MOVE_OFFSETS,
        {
            "topics": [topic for topic, _ in nexts],
            "partitions": [partition for _, partition in nexts],
            "nexts": list(nexts.values()),
        },
    )


async def remember(connection: AsyncConnection, keys: Sequence[str]) -> set[int]:
    """Marks events as handled by this unit; returns the indexes of those that already were.

    `keys` are `Envelope.event_key`s, each once.
    """
    rows = await connection.execute(_REMEMBER, {"keys": keys})
    return {place - 1 for place in rows.scalars()}


async def forget(connection: AsyncConnection, keys: Sequence[str]) -> None:
    """Takes back the marks that `remember` made in this unit."""
    await connection.execute(_FORGET, {"keys": keys})


async def forget_old(connection: AsyncConnection) -> int:
    """Forgets the oldest marks that are past `KEPT`, a bounded number; returns how many."""
    found = await connection.execute(_FORGET_OLD, {"kept": KEPT, "limit": ROWS_A_FORGETTING})
    return found.rowcount
