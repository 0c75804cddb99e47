"""A database and its Kafka cluster belong together; one made before has what one made now has."""

import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

from careline_runtime import setup
from careline_runtime.errors import Misconfigured
from careline_runtime.setup import refuse_older_postgresql, remember_cluster
from careline_runtime.tables import let_inbox_forget
from tests.runtime.by_hand import fresh_database

pytestmark = pytest.mark.stack


async def test_a_database_remembers_its_cluster_and_refuses_another(admin_url: str) -> None:
    async with fresh_database(admin_url) as engine:
        url = engine.url.render_as_string(hide_password=False)
        await remember_cluster("scoring", url, "the-first")
        await remember_cluster("scoring", url, "the-first")
        with pytest.raises(Misconfigured, match=r"belongs to .* the-first, this is another"):
            await remember_cluster("scoring", url, "another")
        async with engine.connect() as connection:
            known = await connection.execute(text("SELECT cluster_id FROM kafka_cluster"))
            assert known.scalars().all() == ["the-first"]


async def test_an_older_postgresql_is_refused_before_anything_is_made(
    admin_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await refuse_older_postgresql("scoring", admin_url)
    monkeypatch.setattr(setup, "OLDEST_POSTGRESQL", 999)
    with pytest.raises(Misconfigured, match="must be 999 or newer"):
        await refuse_older_postgresql("scoring", admin_url)


async def test_an_inbox_made_before_it_forgot_by_age_learns_to(admin_url: str) -> None:
    def run_migration(connection: Connection) -> None:
        with Operations.context(MigrationContext.configure(connection)):
            let_inbox_forget()

    async with fresh_database(admin_url) as engine, engine.begin() as connection:
        await connection.execute(text("DROP INDEX ix_inbox_recorded_at"))
        await connection.execute(text("ALTER TABLE inbox ALTER COLUMN recorded_at DROP DEFAULT"))
        for _ in range(2):
            await connection.run_sync(run_migration)
        await connection.execute(text("INSERT INTO inbox (event_key) VALUES (uuidv4())"))
        indexes = await connection.execute(
            text("SELECT indexname FROM pg_indexes WHERE tablename = 'inbox'")
        )
        assert set(indexes.scalars()) == {"inbox_pkey", "ix_inbox_recorded_at"}
