"""Each ticket knows the identity under which its report is kept."""

from alembic import op

revision = "ticketing_0009"
down_revision = "ticketing_0008"


def upgrade() -> None:
    op.execute("""
        UPDATE tickets SET said = said || jsonb_build_object('identity', facts.identity)
        FROM facts WHERE facts.key = CAST(tickets.said #>> '{ticket,steps,0,2}' AS uuid)
    """)


def downgrade() -> None:
    op.execute("UPDATE tickets SET said = said - 'identity'")
