"""Who works on a ticket, and whose turn it is."""

from alembic import op

revision = "ticketing_0007"
down_revision = "ticketing_0006"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE tickets ADD COLUMN agent text COLLATE "C",
            ADD COLUMN unassignable_since timestamptz
    """)
    op.execute("""
        CREATE INDEX ix_tickets_agent ON tickets (agent) WHERE status IN ('open', 'waiting')
    """)
    op.execute("""
        CREATE TABLE turns (
            agent text COLLATE "C" PRIMARY KEY,
            last_at timestamptz NOT NULL
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE turns")
    op.execute("DROP INDEX ix_tickets_agent")
    op.execute("ALTER TABLE tickets DROP COLUMN agent, DROP COLUMN unassignable_since")
