"""What waits to be told to somebody, until its digest is due."""

from alembic import op

revision = "ticketing_0005"
down_revision = "ticketing_0004"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE notices (
            id text COLLATE "C" PRIMARY KEY,
            person text COLLATE "C" NOT NULL,
            customer text COLLATE "C" NOT NULL,
            due_at timestamptz NOT NULL,
            entry jsonb NOT NULL
        )
    """)
    op.execute("CREATE INDEX ix_notices_digest ON notices (person, due_at)")


def downgrade() -> None:
    op.execute("DROP TABLE notices")
