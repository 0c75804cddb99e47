"""Buckets by hour, channel and product; tags of customers, and what their record says of them.

The key of the buckets is another one, so instances of before are stopped first.
"""

from alembic import op

revision = "scoring_0005"
down_revision = "scoring_0004"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE buckets
            ADD COLUMN channel text COLLATE "C" NOT NULL DEFAULT '',
            ADD COLUMN product text COLLATE "C" NOT NULL DEFAULT '',
            ADD COLUMN hour smallint NOT NULL DEFAULT -1,
            DROP CONSTRAINT buckets_pkey,
            ADD PRIMARY KEY (identity, day, kind, currency, channel, product, hour)
    """)
    op.execute("""
        ALTER TABLE customers
            ADD COLUMN tags jsonb NOT NULL DEFAULT '{}',
            ADD COLUMN record jsonb NOT NULL DEFAULT '{}',
            ADD COLUMN record_version bigint NOT NULL DEFAULT 0
    """)


def downgrade() -> None:
    op.execute("ALTER TABLE customers DROP tags, DROP record, DROP record_version")
    op.execute("""
        CREATE TABLE merged AS
        SELECT identity, day, kind, currency, sum(times) AS times, sum(amount_minor) AS amount_minor
        FROM buckets GROUP BY identity, day, kind, currency
    """)
    op.execute("TRUNCATE buckets")
    op.execute("""
        ALTER TABLE buckets DROP CONSTRAINT buckets_pkey,
            DROP channel, DROP product, DROP hour, ADD PRIMARY KEY (identity, day, kind, currency)
    """)
    op.execute("INSERT INTO buckets SELECT * FROM merged")
    op.execute("DROP TABLE merged")
