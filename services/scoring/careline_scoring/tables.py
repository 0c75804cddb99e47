"""Scoring's tables: facts under the identity they came with, customers as last published."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData()

# byte order: what Python's `sorted` gives, so that all lock in one order
Name = Text(collation="C")
Instant = DateTime(timezone=True)

members = Table(
    "members",
    metadata,
    Column("identity", Name),
    Column("customer", Name, nullable=False),
    Column("moves", Integer, nullable=False, server_default="0"),
    # both ways are answered from the index
    PrimaryKeyConstraint("identity", postgresql_include=["customer", "moves"]),
    Index("ix_members_of_customer", "customer", "identity"),
    comment="Which customer an identity belongs to; merges and splits move these rows, no facts. "
    "Of two moves the one that profile counts higher holds.",
)

buckets = Table(
    "buckets",
    metadata,
    Column("identity", Name),
    Column("day", Date),
    Column("kind", Name),
    Column("currency", Name),
    Column("channel", Name, server_default=""),
    Column("product", Name, server_default=""),
    Column("hour", SmallInteger, server_default="-1"),
    Column("times", Integer, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    # all facts of an identity lie side by side in the index, while their rows lie where each was
    # written: a page for each, of which few are in memory among a million customers
    PrimaryKeyConstraint(
        *("identity", "day", "kind", "currency", "channel", "product", "hour"),
        postgresql_include=["times", "amount_minor"],
    ),
    comment="How often and for how much, per business day and hour: sums, so they "
    "commute. Hour -1 is not known.",
)

tickets = Table(
    "tickets",
    metadata,
    Column("ticket", Name, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("identity", Name, nullable=False),
    Column("facts", JSONB, nullable=False),
    Column("event_id", Text, nullable=False, server_default=""),
    Index("ix_tickets_identity", "identity"),
    comment="What the latest version of a ticket told of promises and satisfaction: these facts "
    "are in the buckets of the identity. `event_id` is the event that told it.",
)

answers = Table(
    "answers",
    metadata,
    Column("event_key", Uuid, primary_key=True),
    Column("event_id", Text, nullable=False),
    Column("identity", Name, nullable=False),
    Column("day", Date, nullable=False),
    Column("kind", Name, nullable=False),
    Index("ix_answers_identity", "identity"),
    comment="Which events told what became of outreach, each a fact in the buckets of the "
    "identity: no timeline has them.",
)

news = Table(
    "news",
    metadata,
    Column("kind", Name, primary_key=True),
    Column("name", Name, primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("identity", Name, nullable=False),
    Column("customer", Name, nullable=False),
    Column("facts", JSONB, nullable=False),
    Column("record", JSONB, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("traceparent", Text, nullable=False),
    Index("ix_news_identity", "identity"),
    comment="What tickets, answers to outreach and records told, until the clock has passed the "
    "instant: from then on it counts, and is in `tickets`, `answers` or `customers`. `customer` "
    "owns an identity of which nothing else was heard.",
)

customers = Table(
    "customers",
    metadata,
    Column("number", Name, primary_key=True),
    Column("version", BigInteger, nullable=False, server_default="0"),
    Column("revision", BigInteger, nullable=False, server_default="0"),
    Column("tier_version", BigInteger, nullable=False, server_default="0"),
    Column("tags_version", BigInteger, nullable=False, server_default="0"),
    Column("risk_version", BigInteger, nullable=False, server_default="0"),
    Column("as_of", Instant),
    Column("points", ARRAY(SmallInteger)),
    Column("value", Text),
    Column("need", Text),
    Column("risk", Text),
    Column("tier", Text),
    Column("tags", JSONB, nullable=False, server_default="{}"),
    Column("next_change_at", Instant),
    Column("policy_version", Text),
    Column("merged_into", Name),
    Column("moves", Integer, nullable=False, server_default="0"),
    Column("record", JSONB, nullable=False, server_default="{}"),
    Column("record_version", BigInteger, nullable=False, server_default="0"),
    Column("saves", BigInteger, nullable=False, server_default="0"),
    Index("ix_customers_tier", "tier", postgresql_where=text("merged_into IS NULL")),
    comment="Each customer as last published. `version` counts decisions that changed a "
    "verdict, `tier_version` and the like are of the last change of that kind, `revision` counts "
    "scores, `saves` updates of the row: whoever changes a customer's facts counts it on. `points` "
    "are hundredths per measure; an absorbed number points to its survivor. "
    "`record` is what profile says of the customer, as tags.",
)

tier_moves = Table(
    "tier_moves",
    metadata,
    Column("number", Name, primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("as_of", Instant, nullable=False),
    Column("from_tier", Text),
    Column("to_tier", Text, nullable=False),
    comment="Each change of tier as it was said, by the version of the change.",
)

rescorings = Table(
    "rescorings",
    metadata,
    Column("effective_at", Instant, primary_key=True),
    Column("version", Text, nullable=False),
    Column("customers", BigInteger, nullable=False),
    Column("rescored", BigInteger, nullable=False, server_default="0"),
    Column("cursor", Name, nullable=False, server_default=""),
    Column("is_done", Boolean, nullable=False, server_default="false"),
    comment="How far each published policy has been applied: `rescored` of the `customers` that "
    "there were when it took effect, up to the number `cursor`.",
)
