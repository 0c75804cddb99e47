"""A ticket's changes of one instant are told apart by their version."""

from alembic import op

revision = "engagement_0013"
down_revision = "engagement_0012"


def upgrade() -> None:
    op.execute("ALTER TABLE facts ADD COLUMN version integer NOT NULL DEFAULT 0")


def downgrade() -> None:
    op.execute("ALTER TABLE facts DROP COLUMN version")
