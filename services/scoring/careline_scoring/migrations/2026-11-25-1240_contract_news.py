"""Answers to outreach and records wait for their instant as well, with what tickets told."""

from alembic import op

revision = "scoring_0014"
down_revision = "scoring_0013"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE news (
            kind text COLLATE "C",
            name text COLLATE "C",
            version bigint,
            at timestamptz NOT NULL,
            identity text COLLATE "C" NOT NULL,
            customer text COLLATE "C" NOT NULL,
            facts jsonb NOT NULL,
            record jsonb NOT NULL,
            event_id text NOT NULL,
            traceparent text NOT NULL,
            PRIMARY KEY (kind, name, version)
        )
    """)
    op.execute("CREATE INDEX ix_news_identity ON news (identity)")
    op.execute("""
        INSERT INTO news
        SELECT 'ticket', ticket, version, at, identity, customer, facts, '{}', event_id, traceparent
        FROM ticket_news
    """)
    op.execute("UPDATE timers SET kind = 'news' WHERE kind = 'ticket'")
    op.execute("DROP TABLE ticket_news")


def downgrade() -> None:
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
    op.execute("""
        INSERT INTO ticket_news
        SELECT name, version, at, identity, customer, facts, event_id, traceparent
        FROM news WHERE kind = 'ticket'
    """)
    op.execute("UPDATE timers SET kind = 'ticket' WHERE kind = 'news'")
    op.execute("DROP TABLE news")
