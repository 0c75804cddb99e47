"""The timeline: every touchpoint, narrow, in the order in which it was heard."""

from alembic import op

revision = "profile_0005"
down_revision = "profile_0004"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE timeline (
            token uuid NOT NULL,
            occurred_at timestamptz NOT NULL,
            event_key uuid NOT NULL,
            channel text NOT NULL,
            type text NOT NULL,
            body text NOT NULL
        )
    """)
    op.execute("CREATE INDEX ix_timeline_token ON timeline (token, occurred_at)")
    # what is too old lies together, as it came together: some kilobytes find it
    op.execute("CREATE INDEX ix_timeline_occurred_at ON timeline USING brin (occurred_at)")


def downgrade() -> None:
    op.execute("DROP TABLE timeline")
