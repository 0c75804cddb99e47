"""Cases of any playbook: entries instead of warnings, rulings, contacts and consents."""

from alembic import op

revision = "engagement_0004"
down_revision = "engagement_0003"


def upgrade() -> None:
    op.execute("ALTER TABLE customers ADD COLUMN rulings jsonb NOT NULL DEFAULT '[]'")
    # a tier that was known has held since before whatever comes
    op.execute("""
        UPDATE customers SET rulings = jsonb_build_array(
            jsonb_build_array(version, '1970-01-01T00:00:00+00:00', 'tier', tier))
        WHERE tier IS NOT NULL
    """)
    op.execute("ALTER TABLE customers DROP COLUMN tier")
    op.execute("""
        ALTER TABLE facts
            ADD COLUMN amount_minor bigint NOT NULL DEFAULT 0,
            ADD COLUMN request text NOT NULL DEFAULT ''
    """)
    op.execute("ALTER TABLE warnings RENAME TO entries")
    op.execute("ALTER INDEX ix_warnings_undecided RENAME TO ix_entries_undecided")
    op.execute("""
        ALTER TABLE entries
            ADD COLUMN playbook text COLLATE "C" NOT NULL DEFAULT 'retention',
            ADD COLUMN name text COLLATE "C",
            ADD COLUMN key text NOT NULL DEFAULT '',
            DROP COLUMN tier
    """)
    op.execute("""
        UPDATE entries SET name = CAST(version AS text), trigger = replace(trigger, '_', '/')
    """)
    op.execute("""
        ALTER TABLE entries
            DROP CONSTRAINT warnings_pkey,
            ALTER COLUMN playbook DROP DEFAULT,
            ADD PRIMARY KEY (number, playbook, name)
    """)
    op.execute("""
        ALTER TABLE cases
            ADD COLUMN playbook text COLLATE "C" NOT NULL DEFAULT 'retention',
            ADD COLUMN digest text NOT NULL DEFAULT '',
            ADD COLUMN key text COLLATE "C" NOT NULL DEFAULT '',
            ADD COLUMN held_out boolean NOT NULL DEFAULT false,
            ALTER COLUMN tier DROP NOT NULL
    """)
    op.execute("UPDATE cases SET trigger = replace(trigger, '_', '/')")
    op.execute("""
        UPDATE cases SET steps = (
            SELECT coalesce(jsonb_agg(
                step || jsonb_build_object('began_at', opened_at) ORDER BY place), '[]')
            FROM jsonb_array_elements(steps) WITH ORDINALITY AS s (step, place))
    """)
    op.execute("UPDATE timers SET kind = 'care' WHERE kind = 'retention'")
    create_ledger()


def create_ledger() -> None:
    op.execute("""
        CREATE TABLE contacts (
            number text COLLATE "C" NOT NULL,
            at timestamptz NOT NULL,
            case_id text COLLATE "C" NOT NULL,
            step text COLLATE "C" NOT NULL,
            playbook text NOT NULL,
            channel text NOT NULL,
            purpose text NOT NULL,
            verdict text NOT NULL,
            reason text NOT NULL,
            earliest_at timestamptz,
            PRIMARY KEY (case_id, step)
        )
    """)
    op.execute("CREATE INDEX ix_contacts_number ON contacts (number, at DESC)")
    op.execute("""
        CREATE TABLE consents (
            number text COLLATE "C" NOT NULL,
            at timestamptz NOT NULL,
            channel text COLLATE "C" NOT NULL,
            purpose text COLLATE "C" NOT NULL,
            granted boolean NOT NULL,
            event_id text COLLATE "C" NOT NULL,
            expires_at timestamptz,
            PRIMARY KEY (number, at, channel, purpose, event_id)
        )
    """)


def downgrade() -> None:
    for table in ("consents", "contacts"):
        op.execute(f"DROP TABLE {table}")
    op.execute("UPDATE timers SET kind = 'retention' WHERE kind = 'care'")
    op.execute("DELETE FROM cases WHERE playbook <> 'retention' OR held_out OR tier IS NULL")
    op.execute("UPDATE cases SET trigger = replace(trigger, '/', '_')")
    op.execute("""
        ALTER TABLE cases
            DROP COLUMN playbook, DROP COLUMN digest, DROP COLUMN key, DROP COLUMN held_out,
            ALTER COLUMN tier SET NOT NULL
    """)
    op.execute("DELETE FROM entries WHERE playbook <> 'retention'")
    op.execute("UPDATE entries SET trigger = replace(trigger, '/', '_')")
    op.execute("""
        ALTER TABLE entries
            DROP CONSTRAINT entries_pkey,
            DROP COLUMN playbook, DROP COLUMN name, DROP COLUMN key,
            ADD COLUMN tier text,
            ADD CONSTRAINT warnings_pkey PRIMARY KEY (number, version)
    """)
    op.execute("ALTER INDEX ix_entries_undecided RENAME TO ix_warnings_undecided")
    op.execute("ALTER TABLE entries RENAME TO warnings")
    op.execute("ALTER TABLE facts DROP COLUMN amount_minor, DROP COLUMN request")
    op.execute("ALTER TABLE customers ADD COLUMN tier text, DROP COLUMN rulings")
