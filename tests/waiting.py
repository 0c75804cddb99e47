"""Waits until something holds: for what servers send no signal of, and never for a fixed time."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
from sqlalchemy import URL, make_url

_SOMEBODY_WAITS = """
    SELECT EXISTS (SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock')
"""


async def until(holds: Callable[[], Awaitable[bool]], *, seconds: float = 30) -> None:
    """Returns once it holds; raises `TimeoutError` when it does not become true."""
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110 (servers send no signal to wait for)
            await asyncio.sleep(0.02)


async def until_somebody_waits(database: URL | str) -> None:
    """Until a session of this database waits for a lock that another one holds."""
    url = make_url(database).set(drivername="postgresql")
    # in a connection of its own: within a transaction PostgreSQL gives the same answer again
    connection = await asyncpg.connect(url.render_as_string(hide_password=False))
    try:
        await until(lambda: connection.fetchval(_SOMEBODY_WAITS))
    finally:
        await connection.close()
