"""The tables that every service with a database has: offsets, inbox, outbox, timers."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    func,
)

metadata = MetaData()

consumer_offsets = Table(
    "consumer_offsets",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("next_offset", BigInteger, nullable=False),
    comment="First offset whose effects are not in this database: the first net.",
)

inbox = Table(
    "inbox",
    metadata,
    Column("event_key", Uuid, primary_key=True),
    Column(
        "recorded_at",
        DateTime(timezone=True),
        server_default=func.now(),
        nullable=False,
        index=True,
    ),
    comment="Hash of (source, id) of every event whose effects are here: the second net.",
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("records", LargeBinary, nullable=False),
    Column("record_count", Integer, nullable=False),
    Column("written_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
    comment="What a unit says, packed in one row; deleted once Kafka has it.",
)

timers = Table(
    "timers",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("due_at", DateTime(timezone=True), nullable=False),
    # the order in which they fire: else all that are due at one midnight are sorted for each unit
    Index("ix_timers_due", "due_at", "kind", "key"),
    comment="What must happen later; fires once, in a unit of work, when the clock gets there.",
)

kafka_cluster = Table(
    "kafka_cluster",
    metadata,
    Column("cluster_id", Text, primary_key=True),
    comment="The cluster whose offsets these are.",
)


erased = Table(
    "erased",
    metadata,
    Column("name", Text(collation="C"), primary_key=True),
    comment="Names of erased customers, keyed hashes: nothing of them comes back.",
)


def create_runtime_tables() -> None:
    """Called by the first migration of each service."""
    metadata.create_all(op.get_bind(), checkfirst=False)


def remember_erased() -> None:
    """For databases made before customers could be erased; those since have it from the start."""
    erased.create(op.get_bind(), checkfirst=True)


def let_inbox_forget() -> None:
    """For databases made before the inbox forgot by age; those made since are so from the start."""
    op.execute("ALTER TABLE inbox ALTER COLUMN recorded_at SET DEFAULT now()")
    op.execute("CREATE INDEX IF NOT EXISTS ix_inbox_recorded_at ON inbox (recorded_at)")


def index_timers_in_order() -> None:
    """For databases made before timers were indexed as they fire; those made since are."""
    op.execute("CREATE INDEX IF NOT EXISTS ix_timers_due ON timers (due_at, kind, key)")
    op.execute("DROP INDEX IF EXISTS ix_timers_due_at")


def drop_runtime_tables() -> None:
    """The way back of `create_runtime_tables`."""
    metadata.drop_all(op.get_bind(), checkfirst=False)
