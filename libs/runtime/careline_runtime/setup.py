"""`python -m careline_runtime.setup`: makes the topics and brings the databases up to date.

Runs before services start, as a job of its own: services never create what they use.
"""

import argparse
import asyncio
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError
from alembic import command
from alembic.config import Config
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from careline_contracts.topics import CATALOGUE, WITH_DATABASE
from careline_runtime.database import create_engine
from careline_runtime.errors import Misconfigured
from careline_runtime.kafka_access import client_options
from careline_runtime.settings import ServiceSettings

TOPIC_ALREADY_EXISTS = 36
OLDEST_POSTGRESQL = 18
"""`RETURNING old` came with it, by which a unit of work moves its offsets in one statement."""


async def create_topics(
    bootstrap_servers: str, *, replication: int, partitions: int | None = None
) -> str:
    """Creates what is missing of the catalogue; returns the cluster's id.

    `partitions` replaces the catalogue's number where that is more than one.
    """
    admin = AIOKafkaAdminClient(**client_options(bootstrap_servers))
    await admin.start()
    try:
        existing = set(await admin.list_topics())
        missing = [topic for topic in CATALOGUE if topic.name not in existing]
        if missing:
            response = await admin.create_topics(
                [
                    NewTopic(
                        name=topic.name,
                        num_partitions=(partitions or topic.partitions)
                        if topic.partitions > 1
                        else 1,
                        replication_factor=replication,
                        topic_configs=topic.config,
                    )
                    for topic in missing
                ]
            )
            for name, code, *words in response.topic_errors:
                if code not in (0, TOPIC_ALREADY_EXISTS):
                    raise Misconfigured(f"topic {name} can't be created: {words or code}")
        return str((await admin.describe_cluster())["cluster_id"])
    finally:
        await admin.close()


def migrate(service: str, database_url: str) -> None:
    """Brings the database of `service` to the newest version; raises `DBAPIError`."""
    spec = importlib.util.find_spec(f"careline_{service}")
    if spec is None or spec.origin is None:
        raise Misconfigured(f"there is no package careline_{service}")
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", str(Path(spec.origin).parent / "migrations"))
    url = make_url(database_url).set(drivername="postgresql+asyncpg")
    config.set_main_option(
        "sqlalchemy.url", url.render_as_string(hide_password=False).replace("%", "%%")
    )
    command.upgrade(config, "head")


async def refuse_older_postgresql(service: str, database_url: str) -> None:
    """Says so at once, and not by an error of the first unit of work."""
    engine = create_engine(database_url, service=service)
    try:
        async with engine.connect() as connection:
            found = int((await connection.execute(text("SHOW server_version_num"))).scalar_one())
    finally:
        await engine.dispose()
    if found // 10_000 < OLDEST_POSTGRESQL:
        raise Misconfigured(
            f"the database of {service} is PostgreSQL {found // 10_000}; "
            f"it must be {OLDEST_POSTGRESQL} or newer"
        )


async def remember_cluster(service: str, database_url: str, cluster_id: str) -> None:
    """Refuses a database whose offsets belong to another cluster: it would skip all its events."""
    engine = create_engine(database_url, service=service)
    try:
        async with engine.begin() as connection:
            known = (
                await connection.execute(text("SELECT cluster_id FROM kafka_cluster"))
            ).scalar_one_or_none()
            if known is None:
                await connection.execute(
                    text("INSERT INTO kafka_cluster VALUES (:id)"), {"id": cluster_id}
                )
            elif known != cluster_id:
                raise Misconfigured(
                    f"the database of {service} belongs to Kafka cluster {known}, this is "
                    f"{cluster_id}: its offsets would skip events. Point it at its own cluster, "
                    "or start from an empty database."
                )
    finally:
        await engine.dispose()


def setup(services: Sequence[str], *, replication: int, partitions: int | None) -> None:
    """Topics, then databases."""
    settings = ServiceSettings.for_service("ingest")
    cluster_id = asyncio.run(
        create_topics(
            settings.kafka_bootstrap_servers, replication=replication, partitions=partitions
        )
    )
    for service in services:
        url = ServiceSettings.for_service(service).database_url
        if not url:
            raise Misconfigured(f"set DATABASE_URL_{service.upper()}=postgresql://…")
        asyncio.run(refuse_older_postgresql(service, url))
        migrate(service, url)
        asyncio.run(remember_cluster(service, url, cluster_id))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m careline_runtime.setup", description=__doc__)
    parser.add_argument("--services", default=",".join(WITH_DATABASE))
    parser.add_argument("--replication", type=int, default=1, help="replicas of each topic")
    parser.add_argument("--partitions", type=int, help="instead of the catalogue's number")
    options = parser.parse_args(arguments)
    services = [s for s in options.services.split(",") if s in WITH_DATABASE]
    try:
        setup(services, replication=options.replication, partitions=options.partitions)
    except (Misconfigured, KafkaError, DBAPIError, OSError) as error:
        sys.stderr.write(f"setup: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
