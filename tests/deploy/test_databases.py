"""databases.sql, run by the real psql against a real server as the image's entrypoint runs it."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from careline_contracts.topics import WITH_DATABASE
from careline_localstack.home import Home
from careline_localstack.ports import LOOPBACK
from careline_localstack.postgres import Postgres

pytestmark = pytest.mark.stack


class BarePostgres(Postgres):
    """A new cluster, without the local stack's own roles and databases."""

    def after_ready(self) -> None:
        """Nothing: databases.sql does it."""


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[BarePostgres]:
    home = Home(tmp_path_factory.mktemp("home"))
    home.open()
    server = BarePostgres(home)
    server.start()
    try:
        connection = {
            "PGHOST": LOOPBACK,
            "PGPORT": str(server.port),
            "PGUSER": "postgres",
            "PGPASSWORD": home.password("postgres"),
        }
        passwords = {f"{s.upper()}_DB_PASSWORD": f"it's {s}" for s in WITH_DATABASE}
        psql = [str(server._bin / "psql"), "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-d", "postgres"]
        subprocess.run(
            [*psql, "-f", str(root / "deploy/postgres/databases.sql")],
            env={**os.environ, **connection, **passwords},
            check=True,
            capture_output=True,
        )
        yield server
    finally:
        server.stop()


async def connect(server: Postgres, *, role: str, database: str) -> asyncpg.Connection:
    return await asyncpg.connect(
        host=LOOPBACK, port=server.port, user=role, password=f"it's {role}", database=database
    )


@pytest.mark.parametrize("service", WITH_DATABASE)
async def test_a_service_makes_tables_in_its_own_database(
    postgres: BarePostgres, service: str
) -> None:
    connection = await connect(postgres, role=service, database=service)
    try:
        await connection.execute("CREATE TABLE kept (id int)")
    finally:
        await connection.close()


@pytest.mark.parametrize("service", WITH_DATABASE)
async def test_a_service_can_t_connect_to_another_s(postgres: BarePostgres, service: str) -> None:
    for other in set(WITH_DATABASE) - {service}:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connect(postgres, role=service, database=other)
