"""The record: facts by field, and up to when the past has been answered."""

from alembic import op

revision = "profile_0003"
down_revision = "profile_0002"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE facts (
            ref text COLLATE "C" NOT NULL,
            field text COLLATE "C" NOT NULL,
            item text COLLATE "C" NOT NULL,
            event_key uuid NOT NULL,
            value text NOT NULL,
            token uuid,
            shared text,
            source text NOT NULL,
            verified_by text,
            flaw text,
            occurred_at timestamptz NOT NULL,
            known_at timestamptz NOT NULL,
            ends_at timestamptz,
            reason text,
            PRIMARY KEY (ref, field, item, event_key)
        )
    """)
    # a person is found by name through the name's token
    op.execute("CREATE INDEX ix_facts_token ON facts (token) WHERE token IS NOT NULL")
    op.execute("CREATE TABLE answered (one smallint PRIMARY KEY, until timestamptz NOT NULL)")
    op.execute("INSERT INTO answered VALUES (1, '-infinity')")


def downgrade() -> None:
    op.execute("DROP TABLE answered")
    op.execute("DROP TABLE facts")
