"""What came with an identity, an outreach or a ticket goes where that goes when customers part."""

from alembic import op

revision = "engagement_0011"
down_revision = "engagement_0010"


def upgrade() -> None:
    op.execute('ALTER TABLE moved ADD COLUMN home text COLLATE "C"')
    op.execute("CREATE INDEX ix_moved_home ON moved (name) WHERE home IS NOT NULL")
    op.execute("""
        ALTER TABLE customers
            ADD COLUMN parted_at timestamptz,
            ADD COLUMN parted_since timestamptz
    """)
    op.execute("ALTER TABLE entries ADD COLUMN identity text NOT NULL DEFAULT ''")
    op.execute("ALTER TABLE consents ADD COLUMN name text NOT NULL DEFAULT ''")


def downgrade() -> None:
    op.execute("ALTER TABLE consents DROP COLUMN name")
    op.execute("ALTER TABLE entries DROP COLUMN identity")
    op.execute("ALTER TABLE customers DROP COLUMN parted_at, DROP COLUMN parted_since")
    op.execute("ALTER TABLE moved DROP COLUMN home")
