"""The special care that a customer's record names: whose tickets have a lane of their own."""

from alembic import op

revision = "ticketing_0013"
down_revision = "ticketing_0012"


def upgrade() -> None:
    op.execute("ALTER TABLE customers ADD COLUMN care text[] NOT NULL DEFAULT '{}'")


def downgrade() -> None:
    op.execute("ALTER TABLE customers DROP COLUMN care")
