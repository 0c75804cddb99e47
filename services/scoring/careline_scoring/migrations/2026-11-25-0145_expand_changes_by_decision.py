"""One version a decision: each topic of one kind of change names the version before."""

from alembic import op

revision = "scoring_0010"
down_revision = "scoring_0009"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE customers
            ADD COLUMN tier_version bigint NOT NULL DEFAULT 0,
            ADD COLUMN tags_version bigint NOT NULL DEFAULT 0,
            ADD COLUMN risk_version bigint NOT NULL DEFAULT 0
    """)
    # until now one version counted the changes of all topics: which was whose nobody kept
    op.execute("""
        UPDATE customers SET tier_version = version, tags_version = version, risk_version = version
    """)


def downgrade() -> None:
    op.execute("""
        ALTER TABLE customers
            DROP COLUMN tier_version, DROP COLUMN tags_version, DROP COLUMN risk_version
    """)
