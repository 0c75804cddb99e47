"""How often a customer was saved."""

from alembic import op

revision = "scoring_0002"
down_revision = "scoring_0001"


def upgrade() -> None:
    op.execute("ALTER TABLE customers ADD COLUMN saves bigint NOT NULL DEFAULT 0")


def downgrade() -> None:
    op.execute("ALTER TABLE customers DROP COLUMN saves")
