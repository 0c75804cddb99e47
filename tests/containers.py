"""`CARELINE_TEST_STACK=docker`: Kafka, PostgreSQL and Valkey in containers serve the tests.

Images and settings are those of docker-compose.yml, so that both say the same of the servers.
"""

import contextlib
import functools
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from docker.errors import DockerException
from testcontainers.community.postgres import PostgresContainer
from testcontainers.community.valkey import ValkeyContainer
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from careline_contracts.topics import SERVICES, WITH_DATABASE
from careline_localstack.endpoints import Endpoints, database_variable

VARIABLE = "CARELINE_TEST_STACK"
ROOT = Path(__file__).parents[1]
NAMES_A_SERVER = {"KAFKA_BOOTSTRAP_SERVERS", "VALKEY_URL", *map(database_variable, SERVICES)}
CHANNEL_PORT = 9094
"""Where Kafka listens for clients outside of its network."""


class Servers(NamedTuple):
    """Three servers in containers."""

    endpoints: Endpoints
    admin_url: str

    @property
    def environment(self) -> dict[str, str]:
        """An environment in which a stack uses these servers and starts none."""
        return {**without_servers(), **self.endpoints.as_environment()}


class OnlyEndpoints:
    """The `stack` of tests where containers serve: a server of its own it has none to kill."""

    def __init__(self, endpoints: Endpoints) -> None:
        self.endpoints = endpoints

    def __getattr__(self, name: str) -> Any:
        pytest.skip(f"{VARIABLE}=docker: stack.{name} is about servers of the local stack")


@functools.cache
def are_chosen() -> bool:
    """Whether containers are to serve; raises `UsageError` when they are and Docker is away."""
    chosen = os.environ.get(VARIABLE, "local")
    if chosen not in {"local", "docker"}:
        raise pytest.UsageError(f"{VARIABLE} is {chosen!r}: say local or docker")
    if chosen == "local":
        return False
    try:
        DockerClient().client.ping()
    except DockerException as error:
        raise pytest.UsageError(
            f"{VARIABLE}=docker, but Docker does not answer: {error}\n"
            f"Start Docker, or unset {VARIABLE}: the local servers need none."
        ) from error
    return True


def without_servers() -> dict[str, str]:
    """The environment without the servers that it names: tests write, so they use their own."""
    return {name: value for name, value in os.environ.items() if name not in NAMES_A_SERVER}


@contextlib.contextmanager
def servers() -> Iterator[Servers]:
    """Three new containers, gone at the end."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
    host = DockerClient().host()
    port = _free_port()
    with (
        _kafka(compose["kafka"], f"{host}:{port}"),
        _postgres(compose["postgres"]) as postgres,
        ValkeyContainer(compose["valkey"]["image"]) as valkey,
    ):
        at = f"{host}:{postgres.get_exposed_port(5432)}"
        yield Servers(
            Endpoints(
                services={},
                kafka=f"{host}:{port}",
                databases={
                    name: f"postgresql://{name}:{name}@{at}/{name}" for name in WITH_DATABASE
                },
                valkey=f"redis://{host}:{valkey.get_exposed_port()}/0",
            ),
            admin_url=f"postgresql://postgres:postgres@{at}/postgres",
        )


def _kafka(service: Mapping[str, Any], address: str) -> DockerContainer:
    environment = {name: str(value) for name, value in service["environment"].items()}
    # clients are told where to come back to, which Docker must not choose later
    environment["KAFKA_ADVERTISED_LISTENERS"] = f"INSIDE://kafka:9092,HOST://{address}"
    # as in the local stack: tests wait for no second member, and notice one that was killed
    environment["KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS"] = "0"
    environment["KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS"] = "1000"
    return (
        DockerContainer(service["image"], env=environment)
        .with_kwargs(hostname="kafka")
        .with_bind_ports(CHANNEL_PORT, int(address.rpartition(":")[2]))
        .waiting_for(LogMessageWaitStrategy("Kafka Server started"))
    )


def _postgres(service: Mapping[str, Any]) -> PostgresContainer:
    container = PostgresContainer(
        service["image"], username="postgres", password="postgres", dbname="postgres", driver=None
    )
    initdb_arguments = service["environment"]["POSTGRES_INITDB_ARGS"]
    passwords = {f"{name.upper()}_DB_PASSWORD": name for name in WITH_DATABASE}
    return container.with_envs(
        POSTGRES_INITDB_ARGS=initdb_arguments, **passwords
    ).with_copy_into_container(
        ROOT / "deploy/postgres/databases.sql", "/docker-entrypoint-initdb.d/databases.sql"
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])
