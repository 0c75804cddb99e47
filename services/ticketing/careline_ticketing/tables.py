"""What ticketing keeps: facts under identities, who is who, and what was said of each ticket."""

from sqlalchemy import Boolean, Column, DateTime, Index, Integer, MetaData, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData()

# byte order: what Python's `sorted` gives, so that all lock in one order
Name = Text(collation="C")
Instant = DateTime(timezone=True)

customers = Table(
    "customers",
    metadata,
    Column("number", Name, primary_key=True),
    Column("survivor", Name, comment="The number that this one is now, if it was merged."),
    Column("moves", Integer, nullable=False, server_default="0"),
    Column("tier", Text, comment="As scoring said last; what the customer is worth in a crisis."),
    Column("account_manager", Text, comment="As profile's record names them last."),
    Column(
        "care",
        ARRAY(Text),
        nullable=False,
        server_default="{}",
        comment="The special care that profile's record names last.",
    ),
    Column("record_version", Integer, nullable=False, server_default="0"),
    Column("as_of", Instant, comment="The latest instant for which its tickets were decided."),
    Index("ix_customers_survivor", "survivor", postgresql_where="survivor IS NOT NULL"),
    comment="Every number heard; a survivor's row is locked while its tickets are decided.",
)

members = Table(
    "members",
    metadata,
    Column("identity", Name, primary_key=True),
    Column("customer", Name, nullable=False, index=True),
    Column("moves", Integer, nullable=False, server_default="0"),
    comment="The number that an identity came with first, or where profile moved it last; "
    "customers.survivor leads on from it.",
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

crises = Table(
    "crises",
    metadata,
    Column("id", Name, primary_key=True),
    Column("is_open", Boolean, nullable=False, index=True),
    Column("opened_at", Instant, nullable=False),
    Column("crisis", JSONB, nullable=False, comment="All that others were told of it."),
    comment="One problem of many customers each.",
)

informed = Table(
    "informed",
    metadata,
    Column("crisis", Name, primary_key=True),
    Column("customer", Name, primary_key=True),
    comment="Who was asked to be told of a crisis: each once.",
)

agents = Table(
    "agents",
    metadata,
    Column("agent", Name, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("state", Text, nullable=False, comment="All that a supervisor said, as it was said."),
    comment="Who works on tickets, by the API; it wins over the policy's list.",
)

turns = Table(
    "turns",
    metadata,
    Column("agent", Name, primary_key=True),
    Column("last_at", Instant, nullable=False),
    comment="When each agent was last given a ticket; locked by whoever assigns.",
)

notices = Table(
    "notices",
    metadata,
    Column("id", Name, primary_key=True),
    Column("person", Name, nullable=False, comment="Empty until it is seen who hears of it."),
    Column("customer", Name, nullable=False),
    Column("due_at", Instant, nullable=False, index=True),
    Column("entry", JSONB, nullable=False),
    Column("hearers", JSONB, nullable=False),
    Column("is_for_account_manager", Boolean, nullable=False),
    comment="What waits to be told; gone once its digests were said.",
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
    Column("agent", Name, comment="Who works on it."),
    Column("team", Name, comment="The holder's; its kind's where nobody holds it."),
    Column("kind", Text, nullable=False),
    Column("unassignable_since", Instant, comment="Since when nobody fits; told once."),
    Column("foreseen_at", Instant, comment="When it was foreseen, once, to be solved."),
    Column("label", Text, nullable=False, comment="Category and product: what may be compared."),
    Column("said", JSONB, nullable=False, comment="All that others were told, up to its version."),
    Index("ix_tickets_status", "status", "opened_at", "id"),
    Index("ix_tickets_opened_at", "opened_at"),
    Index("ix_tickets_agent", "agent", postgresql_where="status IN ('open', 'waiting')"),
    Index("ix_tickets_foreseen", "status", postgresql_where="foreseen_at IS NOT NULL"),
    comment="What was said of each ticket; computed from facts, kept to say only what is new.",
)
