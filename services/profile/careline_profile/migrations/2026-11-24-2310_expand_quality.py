"""Checks of the records by week, the duplicates that they propose, and records found by values."""

from alembic import op

revision = "profile_0008"
down_revision = "profile_0007"


def upgrade() -> None:
    op.execute("CREATE TABLE quality_checks (week date PRIMARY KEY, figures text NOT NULL)")
    op.execute("""
        CREATE TABLE duplicates (
            a text COLLATE "C" NOT NULL,
            b text COLLATE "C" NOT NULL,
            similarity integer NOT NULL,
            kind text NOT NULL,
            found_at timestamptz NOT NULL,
            dismissed_at timestamptz,
            dismissed_by text,
            PRIMARY KEY (a, b)
        )
    """)
    # by what others than personal fields say; longer values than these nobody looks for, and an
    # index can't hold
    op.execute("""
        CREATE INDEX ix_facts_value ON facts (field, value)
        WHERE token IS NULL AND flaw IS NULL AND length(value) <= 200
    """)


def downgrade() -> None:
    op.execute("DROP INDEX ix_facts_value")
    for table in ("duplicates", "quality_checks"):
        op.execute(f"DROP TABLE {table}")
