"""What the latest version of each ticket told of promises and satisfaction."""

from alembic import op

revision = "scoring_0009"
down_revision = "scoring_0008"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE tickets (
            ticket text COLLATE "C" PRIMARY KEY,
            version integer NOT NULL,
            identity text COLLATE "C" NOT NULL,
            facts jsonb NOT NULL
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE tickets")
