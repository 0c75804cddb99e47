"""What tickets told waits until the clock has passed its instant; events behind the evidence."""

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
    op.execute("CREATE INDEX ix_ticket_news_identity ON ticket_news (identity)")
    op.execute("ALTER TABLE tickets ADD event_id text NOT NULL DEFAULT ''")
    op.execute("CREATE INDEX ix_tickets_identity ON tickets (identity)")
    op.execute("""
        CREATE TABLE answers (
            event_key uuid PRIMARY KEY,
            event_id text NOT NULL,
            identity text COLLATE "C" NOT NULL,
            day date NOT NULL,
            kind text COLLATE "C" NOT NULL
        )
    """)
    op.execute("CREATE INDEX ix_answers_identity ON answers (identity)")


def downgrade() -> None:
    op.execute("DROP TABLE answers")
    op.execute("DROP INDEX ix_tickets_identity")
    op.execute("ALTER TABLE tickets DROP event_id")
    op.execute("DROP TABLE ticket_news")
