"""How far a published policy has been applied."""

from alembic import op

revision = "scoring_0004"
down_revision = "scoring_0003"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE rescorings (
            effective_at timestamptz PRIMARY KEY,
            version text NOT NULL,
            customers bigint NOT NULL,
            rescored bigint NOT NULL DEFAULT 0,
            cursor text COLLATE "C" NOT NULL DEFAULT '',
            is_done boolean NOT NULL DEFAULT false
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE rescorings")
