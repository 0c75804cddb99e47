"""What people note of contacts, and whose customers are whose."""

from alembic import op

revision = "engagement_0007"
down_revision = "engagement_0006"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE follow_ups (
            event_id text COLLATE "C" PRIMARY KEY,
            number text COLLATE "C" NOT NULL,
            at timestamptz NOT NULL,
            said jsonb NOT NULL
        )
    """)
    op.execute("CREATE INDEX ix_follow_ups_number ON follow_ups (number, at DESC)")
    op.execute("""
        CREATE INDEX ix_records_manager ON records ((attributes ->> 'account_manager'))
    """)


def downgrade() -> None:
    op.execute("DROP INDEX ix_records_manager")
    op.execute("DROP TABLE follow_ups")
