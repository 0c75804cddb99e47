"""What ticketing keeps: facts under identities, who is who, and what was said of each ticket."""

from sqlalchemy import Column, DateTime, Index, Integer, MetaData, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

# byte order: what Python's `sorted` gives, so that all lock in one order
Name = Text(collation="C")
Instant = DateTime(timezone=True)

customers = Table(
    "customers",
    metadata,
    Column("number", Name, primary_key=True),
    Column("survivor", Name, comment="The number that this one is now, if it was merged."),
    Column("as_of", Instant, comment="The latest instant for which its tickets were decided."),
    Index("ix_customers_survivor", "survivor", postgresql_where="survivor IS NOT NULL"),
    comment="Every number heard; a survivor's row is locked while its tickets are decided.",
)

members = Table(
    "members",
    metadata,
    Column("identity", Name, primary_key=True),
    Column("customer", Name, nullable=False, index=True),
    comment="The number that an identity came with first; customers.survivor leads on from it.",
)

facts = Table(
    "facts",
    metadata,
    Column("key", Uuid, primary_key=True),
    Column("identity", Name, nullable=False, index=True),
    Column("occurred_at", Instant, nullable=False),
    Column("type", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("impact", Text),
    Column("category", Text, nullable=False),
    Column("product", Text),
    Column("reference", Text),
    Column("ticket", Text, comment="Our number of the ticket, where somebody named that."),
    Column("agent", Text),
    Column("team", Text),
    Column("detail", Text, comment="For whom it waits, which level, which score, which cause."),
    comment="What each event says about a problem; rows never change and never move.",
)

tickets = Table(
    "tickets",
    metadata,
    Column("id", Name, primary_key=True),
    Column("customer", Name, nullable=False, index=True),
    Column("status", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("breaches", Integer, nullable=False),
    Column("said", JSONB, nullable=False, comment="All that others were told, up to its version."),
    Index("ix_tickets_status", "status", "opened_at", "id"),
    comment="What was said of each ticket; computed from facts, kept to say only what is new.",
)
