"""One topic has all of scoring's changes in their order: none waits for another any more."""

from alembic import op

revision = "engagement_0012"
down_revision = "engagement_0011"


def upgrade() -> None:
    op.execute("ALTER TABLE customers DROP COLUMN early")
    op.execute("DELETE FROM timers WHERE kind = 'missing_change'")


def downgrade() -> None:
    op.execute("ALTER TABLE customers ADD COLUMN early jsonb NOT NULL DEFAULT '[]'")
