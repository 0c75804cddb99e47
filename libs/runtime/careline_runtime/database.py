"""One PostgreSQL engine a service, with server-side time limits on everything it runs."""

from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from careline_runtime.errors import Misconfigured


def create_engine(database_url: str, *, service: str) -> AsyncEngine:
    """An engine for `postgresql://…`; raises `Misconfigured` when there is no usable URL.

    Read committed is enough: rows are locked explicitly and uniqueness is the database's.
    """
    if not database_url:
        raise Misconfigured(
            f"{service} has no database: set DATABASE_URL_{service.upper()}=postgresql://…"
        )
    url = make_url(database_url).set(drivername="postgresql+asyncpg")
    return create_async_engine(
        url,
        pool_size=4,
        max_overflow=4,
        pool_timeout=10,
        connect_args={
            "timeout": 10,
            "server_settings": {
                "application_name": f"careline-{service}",
                "statement_timeout": "60s",
                "lock_timeout": "20s",
                "idle_in_transaction_session_timeout": "60s",
                # JIT compiles for longer than these short set-based statements run
                "jit": "off",
            },
        },
    )
