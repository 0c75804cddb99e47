"""Who was erased, what names stay behind, and what each service answered."""

from alembic import op

from careline_runtime.tables import remember_erased

revision = "profile_0006"
down_revision = "profile_0005"


def upgrade() -> None:
    remember_erased()
    op.execute("""
        CREATE TABLE protection.erased_identities (
            ref text COLLATE "C" PRIMARY KEY,
            until timestamptz NOT NULL,
            next_ref text COLLATE "C" NOT NULL UNIQUE
        )
    """)
    op.execute("""
        CREATE TABLE protection.erasures (
            number text COLLATE "C" PRIMARY KEY,
            customer text COLLATE "C" NOT NULL,
            erased_at timestamptz NOT NULL
        )
    """)
    op.execute("CREATE INDEX ix_erasures_customer ON protection.erasures (customer)")
    op.execute("""
        CREATE TABLE protection.erasure_answers (
            customer text COLLATE "C" NOT NULL,
            service text NOT NULL,
            answer jsonb NOT NULL,
            answered_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (customer, service)
        )
    """)


def downgrade() -> None:
    for table in ("erasure_answers", "erasures", "erased_identities"):
        op.execute(f"DROP TABLE protection.{table}")
