"""Aliases, customers, facts, warnings and cases."""

from alembic import op

from careline_runtime.tables import create_runtime_tables, drop_runtime_tables

revision = "engagement_0001"
down_revision = None


def upgrade() -> None:
    create_runtime_tables()
    op.execute("""
        CREATE TABLE aliases (
            absorbed text COLLATE "C" PRIMARY KEY,
            survivor text COLLATE "C" NOT NULL,
            since timestamptz NOT NULL
        )
    """)
    op.execute("CREATE INDEX ix_aliases_survivor ON aliases (survivor)")
    # updated with every change of a verdict: room in each page to do it in place
    op.execute("""
        CREATE TABLE customers (
            number text COLLATE "C" PRIMARY KEY,
            version integer NOT NULL DEFAULT 0,
            tier text,
            early jsonb NOT NULL DEFAULT '[]'
        ) WITH (fillfactor = 70)
    """)
    op.execute("""
        CREATE TABLE facts (
            number text COLLATE "C" NOT NULL,
            at timestamptz NOT NULL,
            kind text COLLATE "C" NOT NULL,
            event_id text COLLATE "C" NOT NULL,
            identity text COLLATE "C" NOT NULL,
            detail text NOT NULL,
            PRIMARY KEY (number, at, kind, event_id)
        )
    """)
    op.execute("""
        CREATE TABLE warnings (
            number text COLLATE "C" NOT NULL,
            version integer NOT NULL,
            at timestamptz NOT NULL,
            trigger text NOT NULL,
            tier text,
            reasons jsonb NOT NULL,
            event_id text NOT NULL,
            outcome text,
            PRIMARY KEY (number, version)
        )
    """)
    op.execute("CREATE INDEX ix_warnings_undecided ON warnings (number) WHERE outcome IS NULL")
    op.execute("""
        CREATE TABLE cases (
            id text COLLATE "C" PRIMARY KEY,
            number text COLLATE "C" NOT NULL,
            trigger text NOT NULL,
            tier text NOT NULL,
            reasons jsonb NOT NULL,
            opened_at timestamptz NOT NULL,
            ends_at timestamptz NOT NULL,
            steps jsonb NOT NULL,
            policy_version text NOT NULL,
            version integer NOT NULL,
            status text NOT NULL,
            closed_at timestamptz,
            closed_reason text NOT NULL,
            is_breached boolean NOT NULL
        ) WITH (fillfactor = 70)
    """)
    op.execute("CREATE INDEX ix_cases_number ON cases (number)")
    op.execute("CREATE INDEX ix_cases_open ON cases (number) WHERE closed_at IS NULL")
    op.execute("CREATE INDEX ix_cases_newest ON cases (opened_at DESC, id)")


def downgrade() -> None:
    for table in ("cases", "warnings", "facts", "customers", "aliases"):
        op.execute(f"DROP TABLE {table}")
    drop_runtime_tables()
