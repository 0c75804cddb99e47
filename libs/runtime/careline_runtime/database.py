"""One PostgreSQL engine a service: time limits on all that it runs, no values in its errors."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

import asyncpg
from asyncpg import PostgresError
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from careline_runtime.errors import Misconfigured

CONNECT_TIMEOUT_SECONDS = 10

Connect = Callable[[], AbstractAsyncContextManager[AsyncConnection]]
"""How an API that reads gets to its service's database."""


def create_engine(database_url: str, *, service: str) -> AsyncEngine:
    """An engine for `postgresql://…`; raises `Misconfigured` when there is no usable URL.

    Read committed is enough: rows are locked explicitly and uniqueness is the database's.
    """
    if not database_url:
        raise Misconfigured(
            f"{service} has no database: set DATABASE_URL_{service.upper()}=postgresql://…"
        )
    engine = create_async_engine(
        make_url(database_url).set(drivername="postgresql+asyncpg"),
        hide_parameters=True,
        pool_size=4,
        max_overflow=4,
        pool_timeout=10,
        # the session that was used last: its plans are made, and its caches and the core's are warm
        pool_use_lifo=True,
        async_creator=connecting(
            database_url,
            application_name=f"careline-{service}",
            statement_timeout="60s",
            lock_timeout="20s",
            idle_in_transaction_session_timeout="60s",
            # JIT compiles for longer than these short set-based statements run
            jit="off",
        ),
    )
    event.listen(engine.sync_engine, "handle_error", _keep_values_out)
    return engine


def connecting(
    database_url: str, **server_settings: str
) -> Callable[[], Awaitable[asyncpg.Connection]]:
    """Connects to `postgresql://…` as libpq does, `sslmode` and certificates in it included.

    SQLAlchemy would hand them to asyncpg one by one, which knows them in the address only.
    """
    address = make_url(database_url).set(drivername="postgresql")
    return partial(
        asyncpg.connect,
        address.render_as_string(hide_password=False),
        timeout=CONNECT_TIMEOUT_SECONDS,
        server_settings=server_settings,
    )


_DATA_EXCEPTION = "22"


def _keep_values_out(context: ExceptionContext) -> None:
    """Errors reach the log with a traceback: they say what failed where, never on which value."""
    error = context.original_exception.__cause__
    if not isinstance(error, PostgresError):
        return
    error.detail = None
    if (error.sqlstate or "").startswith(_DATA_EXCEPTION):
        error.__cause__ = None
        words = f"a value does not fit, which the server's text would quote ({error.sqlstate})"
        for told in (error, context.original_exception, context.sqlalchemy_exception):
            if told is not None:
                told.args = (words,)
