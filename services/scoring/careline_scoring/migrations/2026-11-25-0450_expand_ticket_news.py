"""What tickets told waits until the clock has passed its instant."""

from alembic import op

revision = "scoring_0013"
down_revision = "scoring_0012"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE ticket_news (
            ticket text COLLATE "C",
            version integer,
            at timestamptz NOT NULL,
            identity text COLLATE "C" NOT NULL,
            customer text COLLATE "C" NOT NULL,
            facts jsonb NOT NULL,
            event_id text NOT NULL,
            traceparent text NOT NULL,
            PRIMARY KEY (ticket, version)
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE ticket_news")
