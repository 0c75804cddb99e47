"""Who hears of a notice is seen when it is due."""

from alembic import op

revision = "ticketing_0014"
down_revision = "ticketing_0013"


def upgrade() -> None:
    # what waits already is addressed
    op.execute("""
        ALTER TABLE notices ADD COLUMN hearers jsonb NOT NULL DEFAULT '[]',
            ADD COLUMN is_for_account_manager boolean NOT NULL DEFAULT false
    """)
    op.execute("DROP INDEX ix_notices_digest")
    op.execute("CREATE INDEX ix_notices_due_at ON notices (due_at)")


def downgrade() -> None:
    op.execute("DROP INDEX ix_notices_due_at")
    op.execute("CREATE INDEX ix_notices_digest ON notices (person, due_at)")
    op.execute("ALTER TABLE notices DROP COLUMN hearers, DROP COLUMN is_for_account_manager")
