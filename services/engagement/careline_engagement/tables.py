"""The tables of engagement, as SQLAlchemy sees them; the migrations make them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

name = Text(collation="C")
"""Compared byte by byte: keys are no words of a language."""
instant = DateTime(timezone=True)

aliases = Table(
    "aliases",
    metadata,
    Column("absorbed", name, primary_key=True),
    Column("survivor", name, nullable=False, index=True),
    Column("since", instant, nullable=False),
    comment="Customers found to be one; facts and cases stay under the numbers they came with.",
)

moved = Table(
    "moved",
    metadata,
    Column("name", name, primary_key=True),
    Column("customer", name, nullable=False),
    Column("moves", Integer, nullable=False),
    Column("home", name),
    Index("ix_moved_home", "name", postgresql_where="home IS NOT NULL"),
    comment="Identities and numbers that profile moved, and how often: the highest move holds. "
    "Since a split each has a home, the number under which all that came with it lies; outreaches, "
    "cases and tickets have one, too.",
)

customers = Table(
    "customers",
    metadata,
    Column("number", name, primary_key=True),
    Column("version", Integer, nullable=False, server_default="0"),
    Column("rulings", JSONB, nullable=False, server_default="[]"),
    Column("parted_at", instant),
    Column("parted_since", instant),
    comment="What scoring said of each: no decision up to `version` is missing; `parted_at` is "
    "when it turned out to be another than it was taken for. "
    "Locked by whoever changes what is known of the customer.",
)

facts = Table(
    "facts",
    metadata,
    Column("number", name, primary_key=True),
    Column("at", instant, primary_key=True),
    Column("kind", name, primary_key=True),
    Column("event_id", name, primary_key=True),
    Column("identity", name, nullable=False),
    Column("detail", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False, server_default="0"),
    Column("request", Text, nullable=False, server_default=""),
    Column("version", Integer, nullable=False, server_default="0"),
    Index("ix_facts_identity", "identity"),
    comment="What may be evidence; kept for the policy's time before the customer's latest.",
)

entries = Table(
    "entries",
    metadata,
    Column("number", name, primary_key=True),
    Column("playbook", name, primary_key=True),
    Column("name", name, primary_key=True),
    Column("at", instant, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("key", Text, nullable=False, server_default=""),
    Column("version", Integer, nullable=False),
    Column("reasons", JSONB, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("outcome", Text),
    Column("traceparent", Text, nullable=False, server_default=""),
    Column("identity", Text, nullable=False, server_default=""),
    comment="Everything that may begin a case, and whether it opened one or why not.",
)
Index("ix_entries_undecided", entries.c.number, postgresql_where=text("outcome IS NULL"))

cases = Table(
    "cases",
    metadata,
    Column("id", name, primary_key=True),
    Column("number", name, nullable=False, index=True),
    Column("playbook", name, nullable=False, server_default="retention"),
    Column("digest", Text, nullable=False, server_default=""),
    Column("trigger", Text, nullable=False),
    Column("key", name, nullable=False, server_default=""),
    Column("tier", Text),
    Column("reasons", JSONB, nullable=False),
    Column("opened_at", instant, nullable=False),
    Column("ends_at", instant, nullable=False),
    Column("steps", JSONB, nullable=False),
    Column("policy_version", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("closed_at", instant),
    Column("closed_reason", Text, nullable=False),
    Column("is_breached", Boolean, nullable=False),
    Column("traceparent", Text, nullable=False, server_default=""),
    Column("held_out", Boolean, nullable=False, server_default="false"),
    Column("owner", Text, nullable=False, server_default=""),
    Column("owned_since", instant),
    comment="Cases with all that was said about them.",
)
Index("ix_cases_open", cases.c.number, postgresql_where=text("closed_at IS NULL"))
Index("ix_cases_newest", cases.c.opened_at.desc(), cases.c.id)

contacts = Table(
    "contacts",
    metadata,
    Column("number", name, nullable=False),
    Column("at", instant, nullable=False),
    Column("case_id", name, primary_key=True),
    Column("step", name, primary_key=True),
    Column("playbook", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("earliest_at", instant),
    comment="Each outreach that a case asked for: sent, held or suppressed, and why.",
)
Index("ix_contacts_number", contacts.c.number, contacts.c.at.desc())

records = Table(
    "records",
    metadata,
    Column("number", name, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("at", instant, nullable=False),
    Column("created_at", instant, nullable=False),
    Column("attributes", JSONB, nullable=False),
    comment="What profile shares of a customer's record, as it was said; no personal data.",
)

Index("ix_records_manager", text("(attributes ->> 'account_manager')"), _table=records)

absences = Table(
    "absences",
    metadata,
    Column("owner", name, primary_key=True),
    Column("name", name, primary_key=True),
    Column("at", instant, primary_key=True),
    Column("event_id", name, primary_key=True),
    Column("begins_at", instant, nullable=False),
    Column("ends_at", instant, nullable=False),
    Column("deputy", name, nullable=False, index=True),
    comment="When account managers are away, as it was said; the latest word of each holds.",
)

follow_ups = Table(
    "follow_ups",
    metadata,
    Column("event_id", name, primary_key=True),
    Column("number", name, nullable=False),
    Column("at", instant, nullable=False),
    Column("said", JSONB, nullable=False),
    comment="What came of contacts, as people noted it (CARE-6).",
)
Index("ix_follow_ups_number", follow_ups.c.number, follow_ups.c.at.desc())

consents = Table(
    "consents",
    metadata,
    Column("number", name, primary_key=True),
    Column("at", instant, primary_key=True),
    Column("channel", name, primary_key=True),
    Column("purpose", name, primary_key=True),
    Column("granted", Boolean, nullable=False),
    Column("event_id", name, primary_key=True),
    Column("expires_at", instant),
    Column("name", Text, nullable=False, server_default=""),
    comment="Every yes and no of a customer to being contacted; the latest that fits counts.",
)
