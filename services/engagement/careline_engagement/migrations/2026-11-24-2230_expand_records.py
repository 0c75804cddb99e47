"""What profile shares of customers: time zone, language, birthday, …"""

from alembic import op

revision = "engagement_0005"
down_revision = "engagement_0004"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE records (
            number text COLLATE "C" NOT NULL,
            version integer NOT NULL,
            at timestamptz NOT NULL,
            created_at timestamptz NOT NULL,
            attributes jsonb NOT NULL,
            PRIMARY KEY (number, version)
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE records")
