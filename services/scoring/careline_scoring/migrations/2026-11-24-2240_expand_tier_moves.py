"""Every move of a customer from tier to tier, for month-ends and flows."""

from alembic import op

revision = "scoring_0007"
down_revision = "scoring_0006"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE tier_moves (
            number text COLLATE "C" NOT NULL,
            version bigint NOT NULL,
            as_of timestamptz NOT NULL,
            from_tier text,
            to_tier text NOT NULL,
            PRIMARY KEY (number, version)
        )
    """)
    # who is there already has a tier, since an instant that nobody kept: the last decision's
    op.execute("""
        INSERT INTO tier_moves (number, version, as_of, to_tier)
        SELECT number, 0, as_of, tier FROM customers WHERE tier IS NOT NULL
    """)


def downgrade() -> None:
    op.execute("DROP TABLE tier_moves")
