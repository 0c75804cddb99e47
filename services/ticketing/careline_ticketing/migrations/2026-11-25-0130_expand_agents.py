"""Agents by the API, and the account manager whom a customer's record names."""

from alembic import op

revision = "ticketing_0010"
down_revision = "ticketing_0009"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE agents (
            agent text COLLATE "C" PRIMARY KEY,
            version integer NOT NULL,
            state text NOT NULL
        )
    """)
    op.execute("""
        ALTER TABLE customers ADD COLUMN account_manager text,
            ADD COLUMN record_version integer NOT NULL DEFAULT 0
    """)


def downgrade() -> None:
    op.execute("ALTER TABLE customers DROP COLUMN account_manager, DROP COLUMN record_version")
    op.execute("DROP TABLE agents")
