"""The two nets of a unit of work: what was handled before is not handled again.

Per partition the next offset is kept under a row lock: it catches redelivery, rebalances in the
background and zombies, for ever, at the price of a row a partition. The inbox remembers
`(source, id)`: it catches producers', HTTP clients' and dead-letter replays' duplicates.
"""

from collections.abc import Iterable, Sequence
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

_SET_OFFSETS = text("""
    UPDATE consumer_offsets SET next_offset = moved.next_offset
    FROM unnest(CAST(:topics AS text[]), CAST(:partitions AS int[]), CAST(:nexts AS bigint[]))
        AS moved (topic, partition, next_offset)
    WHERE consumer_offsets.topic = moved.topic AND consumer_offsets.partition = moved.partition
""")
# locks row by row, in order, and answers with what stood in each when it was locked
_PASS_OFFSETS = text("""
    INSERT INTO consumer_offsets (topic, partition, next_offset)
    SELECT * FROM unnest(
        CAST(:topics AS text[]), CAST(:partitions AS int[]), CAST(:nexts AS bigint[]))
        AS passed (topic, partition, next_offset)
    ORDER BY topic, partition
    ON CONFLICT (topic, partition) DO UPDATE
    SET next_offset = greatest(consumer_offsets.next_offset, excluded.next_offset)
    RETURNING topic, partition, coalesce(old.next_offset, 0)
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


async def pass_offsets(connection: AsyncConnection, nexts: Offsets) -> Offsets:
    """Everything before these offsets is handled once this unit commits.

    Returns what was handled before: the next offset of each partition, locked until the unit ends.
    """
    rows = await connection.execute(_PASS_OFFSETS, _columns(nexts))
    return {(topic, partition): next_offset for topic, partition, next_offset in rows}


async def lock_offsets(connection: AsyncConnection, places: Iterable[tuple[str, int]]) -> Offsets:
    """The next offset of each `(topic, partition)`, locked until the unit ends."""
    return await pass_offsets(connection, dict.fromkeys(places, 0))


async def set_offsets(connection: AsyncConnection, nexts: Offsets) -> None:
    """Sets the offsets of partitions that this unit has locked, back too."""
    await connection.execute(_SET_OFFSETS, _columns(nexts))


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


def _columns(offsets: Offsets) -> dict[str, object]:
    return {
        "topics": [topic for topic, _ in offsets],
        "partitions": [partition for _, partition in offsets],
        "nexts": list(offsets.values()),
    }
