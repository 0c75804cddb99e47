"""Crises, and what clusters of tickets are made and weighed by."""

from alembic import op

revision = "ticketing_0006"
down_revision = "ticketing_0005"


def upgrade() -> None:
    op.execute("ALTER TABLE customers ADD COLUMN tier text")
    op.execute("ALTER TABLE tickets ADD COLUMN label text NOT NULL DEFAULT ''")
    op.execute("CREATE INDEX ix_tickets_opened_at ON tickets (opened_at)")
    op.execute("""
        CREATE TABLE crises (
            id text COLLATE "C" PRIMARY KEY,
            is_open boolean NOT NULL,
            opened_at timestamptz NOT NULL,
            crisis jsonb NOT NULL
        )
    """)
    op.execute("CREATE INDEX ix_crises_is_open ON crises (is_open)")
    op.execute("""
        CREATE TABLE informed (
            crisis text COLLATE "C",
            customer text COLLATE "C",
            PRIMARY KEY (crisis, customer)
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE informed")
    op.execute("DROP TABLE crises")
    op.execute("DROP INDEX ix_tickets_opened_at")
    op.execute("ALTER TABLE tickets DROP COLUMN label")
    op.execute("ALTER TABLE customers DROP COLUMN tier")
