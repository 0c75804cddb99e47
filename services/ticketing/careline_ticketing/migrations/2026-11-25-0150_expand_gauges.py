"""Whose a ticket is, and when it was foreseen to be solved: for metrics that scan nothing."""

from alembic import op

revision = "ticketing_0011"
down_revision = "ticketing_0010"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE tickets ADD COLUMN team text COLLATE "C", ADD COLUMN foreseen_at timestamptz,
            ADD COLUMN kind text
    """)
    op.execute("""
        UPDATE tickets SET kind = said #>> '{ticket,kind}', team = (
            SELECT step ->> 4 FROM jsonb_array_elements(said #> '{ticket,steps}')
                WITH ORDINALITY AS steps (step, place)
            WHERE step ->> 0 = 'assigned' ORDER BY place DESC LIMIT 1)
    """)
    op.execute("ALTER TABLE tickets ALTER COLUMN kind SET NOT NULL")
    op.execute("""
        CREATE INDEX ix_tickets_foreseen ON tickets (status) WHERE foreseen_at IS NOT NULL
    """)


def downgrade() -> None:
    op.execute("DROP INDEX ix_tickets_foreseen")
    op.execute("ALTER TABLE tickets DROP COLUMN team, DROP COLUMN kind, DROP COLUMN foreseen_at")
