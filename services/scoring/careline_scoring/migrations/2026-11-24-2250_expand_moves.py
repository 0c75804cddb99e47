"""Identities and numbers count their moves, so that merges and splits may come in any order."""

from alembic import op

revision = "scoring_0008"
down_revision = "scoring_0007"


def upgrade() -> None:
    op.execute("ALTER TABLE members ADD COLUMN moves integer NOT NULL DEFAULT 0")
    op.execute("ALTER TABLE customers ADD COLUMN moves integer NOT NULL DEFAULT 0")


def downgrade() -> None:
    op.execute("ALTER TABLE members DROP COLUMN moves")
    op.execute("ALTER TABLE customers DROP COLUMN moves")
