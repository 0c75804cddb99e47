"""Identities, customers, links, reviews and contacts."""

from alembic import op

from careline_runtime.tables import create_runtime_tables, drop_runtime_tables

revision = "profile_0001"
down_revision = None


def upgrade() -> None:
    create_runtime_tables()
    op.execute("""
        CREATE TABLE identities (
            ref text COLLATE "C" PRIMARY KEY,
            sealed text NOT NULL,
            customer text COLLATE "C" NOT NULL,
            recorded_at timestamptz NOT NULL,
            event_key uuid NOT NULL
        )
    """)
    op.execute("CREATE INDEX ix_identities_customer ON identities (customer)")
    op.execute("""
        CREATE TABLE customers (
            number text COLLATE "C" PRIMARY KEY,
            version integer NOT NULL,
            created_at timestamptz NOT NULL,
            merged_into text COLLATE "C"
        )
    """)
    op.execute("""
        CREATE INDEX ix_customers_merged_into ON customers (merged_into)
        WHERE merged_into IS NOT NULL
    """)
    op.execute("""
        CREATE TABLE links (
            a text COLLATE "C" NOT NULL,
            b text COLLATE "C" NOT NULL,
            source text COLLATE "C" NOT NULL,
            month date NOT NULL,
            event_key uuid NOT NULL,
            occurred_at timestamptz NOT NULL,
            PRIMARY KEY (a, b, source, month)
        )
    """)
    op.execute("""
        CREATE TABLE reviews (
            a text COLLATE "C" NOT NULL,
            b text COLLATE "C" NOT NULL,
            customer text COLLATE "C" NOT NULL,
            other text COLLATE "C" NOT NULL,
            reason text NOT NULL,
            kind text,
            event_key uuid NOT NULL,
            recorded_at timestamptz NOT NULL,
            PRIMARY KEY (a, b)
        )
    """)
    # room in each page for the counts to be updated in place
    op.execute("""
        CREATE TABLE contacts (
            ref text COLLATE "C" NOT NULL,
            channel text COLLATE "C" NOT NULL,
            touchpoints bigint NOT NULL,
            first_at timestamptz NOT NULL,
            last_at timestamptz NOT NULL,
            PRIMARY KEY (ref, channel)
        ) WITH (fillfactor = 80)
    """)


def downgrade() -> None:
    for table in ("contacts", "reviews", "links", "customers", "identities"):
        op.execute(f"DROP TABLE {table}")
    drop_runtime_tables()
