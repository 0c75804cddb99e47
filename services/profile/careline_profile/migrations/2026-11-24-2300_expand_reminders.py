"""Reminders to look at a record again."""

from alembic import op

revision = "profile_0007"
down_revision = "profile_0006"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE reminders (
            key uuid PRIMARY KEY,
            ref text COLLATE "C" NOT NULL,
            cause text NOT NULL,
            reference text,
            raised_at timestamptz NOT NULL,
            account_manager text,
            done_at timestamptz,
            done_by text
        )
    """)
    # of those that stand there are few, and only they are asked for
    op.execute("CREATE INDEX ix_reminders_ref ON reminders (ref) WHERE done_at IS NULL")
    op.execute("CREATE INDEX ix_reminders_raised_at ON reminders (raised_at) WHERE done_at IS NULL")


def downgrade() -> None:
    op.execute("DROP TABLE reminders")
