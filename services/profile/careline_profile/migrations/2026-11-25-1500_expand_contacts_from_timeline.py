"""Touchpoints are counted from the timeline; what it forgets is counted when it forgets it.

Whose an identity is stands in the index of identities, so that events don't look at rows.
"""

from alembic import op

revision = "profile_0014"
down_revision = "profile_0013"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE forgotten_touchpoints (
            token uuid NOT NULL,
            channel text COLLATE "C" NOT NULL,
            touchpoints bigint NOT NULL,
            first_at timestamptz NOT NULL,
            last_at timestamptz NOT NULL,
            PRIMARY KEY (token, channel)
        )
    """)
    # what the timeline had forgotten, or never had: it is younger than the counters
    op.execute("""
        INSERT INTO forgotten_touchpoints
        SELECT c.token, c.channel, c.touchpoints - coalesce(t.touchpoints, 0), first_at, last_at
        FROM (SELECT CAST(right(ref, 32) AS uuid) AS token, * FROM contacts) c
        LEFT JOIN (
            SELECT token, channel, count(*) AS touchpoints FROM timeline GROUP BY token, channel
        ) t USING (token, channel)
        WHERE c.touchpoints > coalesce(t.touchpoints, 0)
    """)
    op.execute("DROP TABLE contacts")
    op.execute("DROP INDEX ix_timeline_token")
    op.execute("""
        CREATE INDEX ix_timeline_token ON timeline (token, occurred_at) INCLUDE (channel)
    """)
    op.execute("""
        ALTER TABLE identities
            DROP CONSTRAINT identities_pkey,
            ADD PRIMARY KEY (ref) INCLUDE (customer)
    """)


def downgrade() -> None:
    op.execute("ALTER TABLE identities DROP CONSTRAINT identities_pkey, ADD PRIMARY KEY (ref)")
    op.execute("DROP INDEX ix_timeline_token")
    op.execute("CREATE INDEX ix_timeline_token ON timeline (token, occurred_at)")
    op.execute("""
        CREATE TABLE contacts (
            ref text COLLATE "C" NOT NULL,
            channel text COLLATE "C" NOT NULL,
            touchpoints bigint NOT NULL,
            first_at timestamptz NOT NULL,
            last_at timestamptz NOT NULL,
            PRIMARY KEY (ref, channel)
        ) WITH (fillfactor = 80)
    """)
    op.execute("""
        INSERT INTO contacts
        SELECT ref, channel, sum(touchpoints), min(first_at), max(last_at)
        FROM (
            SELECT token, channel, count(*) AS touchpoints,
                min(occurred_at) AS first_at, max(occurred_at) AS last_at
            FROM timeline GROUP BY token, channel
            UNION ALL
            SELECT token, channel, touchpoints, first_at, last_at FROM forgotten_touchpoints
        ) counted JOIN identities ON token = CAST(right(ref, 32) AS uuid)
        GROUP BY ref, channel
    """)
    op.execute("DROP TABLE forgotten_touchpoints")
