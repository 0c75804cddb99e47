"""Facts under identities, numbers and their survivors, tickets as they were said."""

from alembic import op

from careline_runtime.tables import create_runtime_tables, drop_runtime_tables

revision = "ticketing_0001"
down_revision = None


def upgrade() -> None:
    create_runtime_tables()
    op.execute("""
        CREATE TABLE customers (
            number text COLLATE "C" PRIMARY KEY,
            survivor text COLLATE "C",
            as_of timestamptz
        ) WITH (fillfactor = 80)
    """)
    op.execute("""
        CREATE INDEX ix_customers_survivor ON customers (survivor) WHERE survivor IS NOT NULL
    """)
    op.execute("""
        CREATE TABLE members (
            identity text COLLATE "C" PRIMARY KEY,
            customer text COLLATE "C" NOT NULL
        )
    """)
    op.execute("CREATE INDEX ix_members_customer ON members (customer)")
    op.execute("""
        CREATE TABLE facts (
            key uuid PRIMARY KEY,
            identity text COLLATE "C" NOT NULL,
            occurred_at timestamptz NOT NULL,
            type text NOT NULL,
            channel text NOT NULL,
            impact text,
            category text NOT NULL,
            product text,
            reference text
        )
    """)
    op.execute("CREATE INDEX ix_facts_identity ON facts (identity)")
    # room in each page for a ticket to be said again in place
    op.execute("""
        CREATE TABLE tickets (
            id text COLLATE "C" PRIMARY KEY,
            customer text COLLATE "C" NOT NULL,
            status text NOT NULL,
            level text NOT NULL,
            opened_at timestamptz NOT NULL,
            breaches integer NOT NULL,
            said jsonb NOT NULL
        ) WITH (fillfactor = 80)
    """)
    op.execute("CREATE INDEX ix_tickets_customer ON tickets (customer)")
    op.execute("CREATE INDEX ix_tickets_status ON tickets (status, opened_at, id)")


def downgrade() -> None:
    for table in ("tickets", "facts", "members", "customers"):
        op.execute(f"DROP TABLE {table}")
    drop_runtime_tables()
