"""Alembic's environment for every service: its own versions, its own database, bounded locks."""

import asyncio

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from careline_runtime.database import connecting

LOCK_TIMEOUT = "10s"


def migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        # two deployments at once: the second waits and finds nothing to do
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('careline.migrations'))"))
        context.run_migrations()


async def main() -> None:
    url = context.config.get_main_option("sqlalchemy.url") or ""
    engine = create_async_engine(url, async_creator=connecting(url))
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
        await connection.commit()
    await engine.dispose()


asyncio.run(main())
