"""Who looked at what, why, and with which second factor: a schema of its own."""

from alembic import op

revision = "profile_0004"
down_revision = "profile_0003"


def upgrade() -> None:
    op.execute("CREATE SCHEMA protection")
    op.execute("""
        CREATE TABLE protection.audit (
            sequence bigint PRIMARY KEY,
            at timestamptz NOT NULL,
            subject text NOT NULL,
            roles text[] NOT NULL,
            action text NOT NULL,
            customer text NOT NULL,
            fields text[] NOT NULL,
            outcome text NOT NULL,
            reason_digest text NOT NULL,
            previous text NOT NULL,
            hash text NOT NULL
        )
    """)
    op.execute("CREATE INDEX ix_audit_customer ON protection.audit (customer)")
    op.execute("""
        CREATE TABLE protection.reasons (
            sequence bigint PRIMARY KEY,
            customer text NOT NULL,
            sealed text NOT NULL
        )
    """)
    op.execute("CREATE INDEX ix_reasons_customer ON protection.reasons (customer)")
    op.execute("""
        CREATE TABLE protection.second_factors (
            subject text PRIMARY KEY,
            sealed text NOT NULL,
            last_step bigint NOT NULL,
            failures integer NOT NULL,
            locked_until timestamptz
        )
    """)
    # the service may add to the audit and read it; a right that it doesn't have, a bug or somebody
    # who got in through it doesn't have either. The trigger says the same to a superuser.
    op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON protection.audit FROM CURRENT_USER")
    op.execute("""
        CREATE FUNCTION protection.refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE 'the audit is only added to' USING ERRCODE = '42501'; END $$
    """)
    op.execute("""
        CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE OR TRUNCATE ON protection.audit
        FOR EACH STATEMENT EXECUTE FUNCTION protection.refuse()
    """)


def downgrade() -> None:
    """The audit stays: nobody gets rid of it by going back a release."""
    op.execute("ALTER SCHEMA protection RENAME TO protection_before")
