"""Facts and memberships are read from their indexes: one page of each, not a page for each row.

The keys are built beside the old ones, which then make way in a moment.
"""

from alembic import op

revision = "scoring_0015"
down_revision = "scoring_0014"

_FACT = "identity, day, kind, currency, channel, product, hour"


def upgrade() -> None:
    op.execute(
        f"CREATE UNIQUE INDEX buckets_whole ON buckets ({_FACT}) INCLUDE (times, amount_minor)"
    )
    _replace_key("buckets", by="buckets_whole")
    op.execute("CREATE UNIQUE INDEX members_whole ON members (identity) INCLUDE (customer, moves)")
    _replace_key("members", by="members_whole")
    op.execute("CREATE INDEX ix_members_of_customer ON members (customer, identity)")
    op.execute("DROP INDEX ix_members_customer")


def downgrade() -> None:
    op.execute("CREATE INDEX ix_members_customer ON members (customer)")
    op.execute("DROP INDEX ix_members_of_customer")
    op.execute("CREATE UNIQUE INDEX members_bare ON members (identity)")
    _replace_key("members", by="members_bare")
    op.execute(f"CREATE UNIQUE INDEX buckets_bare ON buckets ({_FACT})")
    _replace_key("buckets", by="buckets_bare")


def _replace_key(table: str, *, by: str) -> None:
    op.execute(f"""
        ALTER TABLE {table} DROP CONSTRAINT {table}_pkey,
            ADD CONSTRAINT {table}_pkey PRIMARY KEY USING INDEX {by}
    """)
