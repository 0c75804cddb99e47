"""Merges can be undone: which identities and numbers were moved, and how often."""

from alembic import op

revision = "engagement_0008"
down_revision = "engagement_0007"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE moved (
            name text COLLATE "C" PRIMARY KEY,
            customer text COLLATE "C" NOT NULL,
            moves integer NOT NULL
        )
    """)
    op.execute("CREATE INDEX ix_facts_identity ON facts (identity)")


def downgrade() -> None:
    op.execute("DROP INDEX ix_facts_identity")
    op.execute("DROP TABLE moved")
