"""Open work moves to a deputy while an account manager is away."""

from alembic import op

revision = "engagement_0010"
down_revision = "engagement_0009"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE absences (
            owner text COLLATE "C" NOT NULL,
            name text COLLATE "C" NOT NULL,
            at timestamptz NOT NULL,
            event_id text COLLATE "C" NOT NULL,
            begins_at timestamptz NOT NULL,
            ends_at timestamptz NOT NULL,
            deputy text COLLATE "C" NOT NULL,
            PRIMARY KEY (owner, name, at, event_id)
        )
    """)
    op.execute("CREATE INDEX ix_absences_deputy ON absences (deputy)")
    op.execute("""
        ALTER TABLE cases
            ADD COLUMN owner text NOT NULL DEFAULT '',
            ADD COLUMN owned_since timestamptz
    """)


def downgrade() -> None:
    op.execute("ALTER TABLE cases DROP COLUMN owner, DROP COLUMN owned_since")
    op.execute("DROP TABLE absences")
