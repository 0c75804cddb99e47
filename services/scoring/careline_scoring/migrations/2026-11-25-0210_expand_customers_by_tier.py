"""An index by which customers are counted by tier, without looking at each."""

from alembic import op

revision = "scoring_0011"
down_revision = "scoring_0010"


def upgrade() -> None:
    op.execute("CREATE INDEX ix_customers_tier ON customers (tier) WHERE merged_into IS NULL")


def downgrade() -> None:
    op.execute("DROP INDEX ix_customers_tier")
