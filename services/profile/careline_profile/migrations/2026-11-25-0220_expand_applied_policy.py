"""A changed policy is applied to everybody it concerns: how far that has got."""

from alembic import op

revision = "profile_0013"
down_revision = "profile_0012"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE applied_policy (
            one smallint PRIMARY KEY,
            policy jsonb NOT NULL,
            target jsonb,
            cursor text COLLATE "C" NOT NULL
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE applied_policy")
