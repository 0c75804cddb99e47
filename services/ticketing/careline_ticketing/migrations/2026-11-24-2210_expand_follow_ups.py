"""Who did what: follow-ups say agent, team and the one word that their act needs."""

from alembic import op

revision = "ticketing_0003"
down_revision = "ticketing_0002"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE facts
            ADD COLUMN ticket text, ADD COLUMN agent text,
            ADD COLUMN team text, ADD COLUMN detail text
    """)


def downgrade() -> None:
    op.execute("""
        ALTER TABLE facts
            DROP COLUMN ticket, DROP COLUMN agent, DROP COLUMN team, DROP COLUMN detail
    """)
