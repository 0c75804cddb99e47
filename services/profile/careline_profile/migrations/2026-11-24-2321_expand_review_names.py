"""Held links have the name that people call them by."""

import sqlalchemy as sa
from alembic import op

from careline_profile.rules import link_name

revision = "profile_0010"
down_revision = "profile_0009"


def upgrade() -> None:
    op.execute('ALTER TABLE reviews ADD COLUMN name text COLLATE "C" UNIQUE')
    connection = op.get_bind()
    for a, b in connection.execute(sa.text("SELECT a, b FROM reviews")).all():
        connection.execute(
            sa.text("UPDATE reviews SET name = :name WHERE a = :a AND b = :b"),
            {"name": link_name((a, b)), "a": a, "b": b},
        )
    op.execute("ALTER TABLE reviews ALTER COLUMN name SET NOT NULL")


def downgrade() -> None:
    op.execute("ALTER TABLE reviews DROP COLUMN name")
