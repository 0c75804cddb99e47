"""Who was one customer can be asked for an instant, and the answer stays."""

from alembic import op

revision = "profile_0011"
down_revision = "profile_0010"


def upgrade() -> None:
    op.execute("ALTER TABLE identities ADD COLUMN known_at timestamptz")
    op.execute("CREATE INDEX ix_moves_customer ON moves (customer)")
    op.execute("CREATE INDEX ix_moves_previous ON moves (previous)")


def downgrade() -> None:
    op.execute("DROP INDEX ix_moves_previous")
    op.execute("DROP INDEX ix_moves_customer")
    op.execute("ALTER TABLE identities DROP COLUMN known_at")
