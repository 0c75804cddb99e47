"""The trace of the warning that opened a case."""

from alembic import op

revision = "engagement_0003"
down_revision = "engagement_0002"


def upgrade() -> None:
    for table in ("warnings", "cases"):
        op.execute(f"ALTER TABLE {table} ADD COLUMN traceparent text NOT NULL DEFAULT ''")


def downgrade() -> None:
    for table in ("cases", "warnings"):
        op.execute(f"ALTER TABLE {table} DROP COLUMN traceparent")
