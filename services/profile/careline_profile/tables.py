"""Profile's tables: links, verdicts and facts are only added to, customers are as decided."""

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
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData()

# byte order: what Python's `sorted` gives, so that all lock in one order, and twice as fast
Name = Text(collation="C")
Instant = DateTime(timezone=True)

identities = Table(
    "identities",
    metadata,
    Column("ref", Name),
    Column("sealed", Text, nullable=False),
    Column("customer", Name, nullable=False, index=True),
    Column("recorded_at", Instant, nullable=False),
    Column("event_key", Uuid, nullable=False),
    Column("moves", Integer, nullable=False, server_default="0"),
    Column("is_shared", Boolean, nullable=False, server_default="false"),
    Column("known_at", Instant),
    # whose an identity is, which each event asks, is answered by the index alone
    PrimaryKeyConstraint("ref", postgresql_include=["customer"]),
    comment="Every identity ever seen, with its customer; changed under the lock of that customer. "
    "`known_at` is later than `recorded_at` where that instant had been answered for already.",
)

moves = Table(
    "moves",
    metadata,
    Column("ref", Name, primary_key=True),
    Column("move", Integer, primary_key=True),
    Column("customer", Name, nullable=False),
    Column("previous", Name, nullable=False),
    Column("known_at", Instant, nullable=False),
    Index("ix_moves_customer", "customer"),
    Index("ix_moves_previous", "previous"),
    comment="Each time that an identity went to another customer; only added to.",
)

customers = Table(
    "customers",
    metadata,
    Column("number", Name, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("merged_into", Name),
    Index(
        "ix_customers_merged_into",
        "merged_into",
        postgresql_where="merged_into IS NOT NULL",
    ),
    comment="Every number ever given; an absorbed one names the customer that it leads to now.",
)

links = Table(
    "links",
    metadata,
    Column("a", Name, primary_key=True),
    Column("b", Name, primary_key=True),
    Column("source", Name, primary_key=True),
    Column("month", Date, primary_key=True),
    Column("event_key", Uuid, nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Index("ix_links_b", "b"),
    comment="Evidence that two identities (a < b) are one customer, held links included: the first "
    "event of each source in each month (UTC).",
)

verdicts = Table(
    "verdicts",
    metadata,
    Column("a", Name, primary_key=True),
    Column("b", Name, primary_key=True),
    Column("decided_at", Instant, primary_key=True),
    Column("is_one", Boolean, nullable=False),
    Column("waives", ARRAY(Text), nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Index("ix_verdicts_b", "b"),
    comment="What people decided about links (a < b); only added to, the latest holds. Reasons are "
    "sealed.",
)

reviews = Table(
    "reviews",
    metadata,
    Column("a", Name, primary_key=True),
    Column("b", Name, primary_key=True),
    Column("name", Name, nullable=False, unique=True),
    Column("reason", Text, nullable=False),
    Column("kind", Text),
    Column("recorded_at", Instant, nullable=False),
    Index("ix_reviews_b", "b"),
    comment="The links (a < b) between different customers: held, for a person to decide.",
)

facts = Table(
    "facts",
    metadata,
    Column("ref", Name, primary_key=True),
    Column("field", Name, primary_key=True),
    Column("item", Name, primary_key=True),
    Column("event_key", Uuid, primary_key=True),
    Column("value", Text, nullable=False),
    Column("token", Uuid),
    Column("shared", Text),
    Column("source", Text, nullable=False),
    Column("verified_by", Text),
    Column("flaw", Text),
    Column("occurred_at", Instant, nullable=False),
    Column("known_at", Instant, nullable=False),
    Column("ends_at", Instant),
    Column("reason", Text),
    Index("ix_facts_token", "token", postgresql_where="token IS NOT NULL"),
    Index(
        "ix_facts_value",
        "field",
        "value",
        postgresql_where="token IS NULL AND flaw IS NULL AND length(value) <= 200",
    ),
    comment="What was said about each field of a customer, under the identity it came with; "
    "personal values, reasons and what is flawed are sealed.",
)
answered = Table(
    "answered",
    metadata,
    Column("one", SmallInteger, primary_key=True),
    Column("until", Instant, nullable=False),
    comment="One row: what was known up to here has been answered, so nothing is added to it.",
)
applied_policy = Table(
    "applied_policy",
    metadata,
    Column("one", SmallInteger, primary_key=True),
    Column("policy", JSONB, nullable=False),
    Column("target", JSONB),
    Column("cursor", Name, nullable=False),
    comment="One row: by which policy everybody was decided, and how far a new one has got.",
)
timeline = Table(
    "timeline",
    metadata,
    Column("token", Uuid, nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("event_key", Uuid, nullable=False),
    Column("channel", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("body", Text, nullable=False),
    # channels are counted without a look at the rows
    Index("ix_timeline_token", "token", "occurred_at", postgresql_include=["channel"]),
    Index("ix_timeline_occurred_at", "occurred_at", postgresql_using="brin"),
    comment="Every touchpoint, without sealed texts, under the token of its identity.",
)
forgotten_touchpoints = Table(
    "forgotten_touchpoints",
    metadata,
    Column("token", Uuid, primary_key=True),
    Column("channel", Name, primary_key=True),
    Column("touchpoints", BigInteger, nullable=False),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    comment="What is too old for the timeline, counted: sum, minimum and maximum commute.",
)
reminders = Table(
    "reminders",
    metadata,
    Column("key", Uuid, primary_key=True),
    Column("ref", Name, nullable=False),
    Column("cause", Text, nullable=False),
    Column("reference", Text),
    Column("raised_at", Instant, nullable=False),
    Column("account_manager", Text),
    Column("done_at", Instant),
    Column("done_by", Text),
    Index("ix_reminders_ref", "ref", postgresql_where="done_at IS NULL"),
    Index("ix_reminders_raised_at", "raised_at", postgresql_where="done_at IS NULL"),
    comment="A record is to be looked at again, once for each cause, by the key of its event.",
)
quality_checks = Table(
    "quality_checks",
    metadata,
    Column("week", Date, primary_key=True),
    Column("figures", Text, nullable=False),
    comment="What the check of each week found, by its Monday: a `Check` in JSON.",
)
duplicates = Table(
    "duplicates",
    metadata,
    Column("a", Name, primary_key=True),
    Column("b", Name, primary_key=True),
    Column("similarity", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("found_at", Instant, nullable=False),
    Column("dismissed_at", Instant),
    Column("dismissed_by", Text),
    comment="Customers (a < b) who may be one person; nothing is merged by it.",
)
