"""Members, buckets, customers."""

from alembic import op

from careline_runtime.tables import create_runtime_tables, drop_runtime_tables

revision = "scoring_0001"
down_revision = None


def upgrade() -> None:
    create_runtime_tables()
    op.execute("""
        CREATE TABLE members (
            identity text COLLATE "C" PRIMARY KEY,
            customer text COLLATE "C" NOT NULL
        )
    """)
    op.execute("CREATE INDEX ix_members_customer ON members (customer)")
    op.execute("""
        CREATE TABLE buckets (
            identity text COLLATE "C" NOT NULL,
            day date NOT NULL,
            kind text COLLATE "C" NOT NULL,
            currency text COLLATE "C" NOT NULL,
            times integer NOT NULL,
            amount_minor bigint NOT NULL,
            PRIMARY KEY (identity, day, kind, currency)
        )
    """)
    # updated with every event: room in each page to do it in place, without touching the index
    op.execute("""
        CREATE TABLE customers (
            number text COLLATE "C" PRIMARY KEY,
            version bigint NOT NULL DEFAULT 0,
            revision bigint NOT NULL DEFAULT 0,
            as_of timestamptz,
            points smallint[],
            value text,
            need text,
            risk text,
            tier text,
            next_change_at timestamptz,
            policy_version text,
            merged_into text COLLATE "C"
        ) WITH (fillfactor = 70)
    """)


def downgrade() -> None:
    op.execute("DROP TABLE customers, buckets, members")
    drop_runtime_tables()
