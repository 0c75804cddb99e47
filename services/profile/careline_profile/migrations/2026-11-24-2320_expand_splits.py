"""Identities name their present customer and count their moves; people's verdicts; held links."""

from alembic import op

revision = "profile_0009"
down_revision = "profile_0008"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE identities
            ADD COLUMN moves integer NOT NULL DEFAULT 0,
            ADD COLUMN is_shared boolean NOT NULL DEFAULT false
    """)
    # until now an identity kept the number that it was first seen under
    op.execute("""
        UPDATE identities SET customer = customers.merged_into FROM customers
        WHERE customers.number = identities.customer AND customers.merged_into IS NOT NULL
    """)
    op.execute("""
        CREATE TABLE moves (
            ref text COLLATE "C" NOT NULL,
            move integer NOT NULL,
            customer text COLLATE "C" NOT NULL,
            previous text COLLATE "C" NOT NULL,
            known_at timestamptz NOT NULL,
            PRIMARY KEY (ref, move)
        )
    """)
    op.execute("""
        CREATE TABLE verdicts (
            a text COLLATE "C" NOT NULL,
            b text COLLATE "C" NOT NULL,
            decided_at timestamptz NOT NULL,
            is_one boolean NOT NULL,
            waives text[] NOT NULL,
            by text NOT NULL,
            reason text NOT NULL,
            PRIMARY KEY (a, b, decided_at)
        )
    """)
    op.execute("CREATE INDEX ix_verdicts_b ON verdicts (b)")
    op.execute("CREATE INDEX ix_links_b ON links (b)")
    op.execute("CREATE INDEX ix_reviews_b ON reviews (b)")
    # whose identities they are is known by the identities
    op.execute("""
        ALTER TABLE reviews DROP COLUMN customer, DROP COLUMN other, DROP COLUMN event_key
    """)


def downgrade() -> None:
    """Identities keep their present customers: the release before reads them as first seen."""
    op.execute("DROP INDEX ix_reviews_b, ix_links_b")
    op.execute("DROP TABLE verdicts, moves")
    op.execute("ALTER TABLE identities DROP COLUMN moves, DROP COLUMN is_shared")
    op.execute("""
        ALTER TABLE reviews
            ADD COLUMN customer text COLLATE "C" NOT NULL DEFAULT '',
            ADD COLUMN other text COLLATE "C" NOT NULL DEFAULT '',
            ADD COLUMN event_key uuid NOT NULL DEFAULT gen_random_uuid()
    """)
