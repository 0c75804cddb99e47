"""The real servers understand every setting that docker-compose.yml gives to their containers."""

import re
import shlex
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from redis.asyncio import Redis

from careline_localstack.home import Home, default_cache
from careline_localstack.kafka import Kafka
from careline_localstack.ports import LOOPBACK, choose_free_port
from careline_localstack.postgres import Postgres, _without_root
from careline_localstack.valkey import Valkey

pytestmark = pytest.mark.stack

OF_THE_START_SCRIPT = {"KAFKA_HEAP_OPTS"}
"""For the JVM; every other `KAFKA_` variable becomes a line of the broker's properties."""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.open()
    return home


def options(command: Sequence[str]) -> dict[str, str]:
    """`--name value` or `-c name=value`, by name."""
    if "-c" in command:
        return dict(pair.split("=", 1) for pair in command[2::2])
    return {
        name.removeprefix("--"): value
        for name, value in zip(command[1::2], command[2::2], strict=True)
    }


class ComposePostgres(Postgres):
    """The local server, with the container's settings last, so that they win."""

    def __init__(self, home: Home, command: Sequence[str]) -> None:
        super().__init__(home)
        self._container_command = command

    def command(self) -> Sequence[str | Path]:
        program, *arguments = self._container_command
        assert program == "postgres"
        return [*super().command(), *arguments]


async def test_postgresql_runs_with_its_settings(home: Home, compose: Any) -> None:
    command = compose["services"]["postgres"]["command"]
    server = ComposePostgres(home, command)
    server.start()
    try:
        connection = await asyncpg.connect(
            host=LOOPBACK,
            port=server.port,
            user="postgres",
            password=home.password("postgres"),
            database="postgres",
        )
        wanted = options(command)
        shown = {name: await connection.fetchval(f"SHOW {name}") for name in wanted}
        await connection.close()
    finally:
        server.stop()

    assert len(wanted) == (len(command) - 1) / 2
    assert shown == wanted


def test_initdb_knows_its_arguments(home: Home, compose: Any) -> None:
    arguments = compose["services"]["postgres"]["environment"]["POSTGRES_INITDB_ARGS"]
    initdb = str(Postgres(home)._bin / "initdb")
    # shows what it would do with them, and makes nothing
    command = [*_without_root(), initdb, *shlex.split(arguments), "--show", "-D", str(home.data)]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


class ComposeValkey(Valkey):
    """The local server, with the container's arguments only, but for its place."""

    def __init__(self, home: Home, command: Sequence[str]) -> None:
        super().__init__(home)
        self._container_command = command

    def command(self) -> Sequence[str | Path]:
        program, *arguments = self._container_command
        assert program == "valkey-server"
        [binary, *_] = super().command()
        place = ["--port", str(self.port), "--bind", LOOPBACK, "--dir", str(self.directory)]
        return [binary, *arguments, *place]


async def test_valkey_runs_with_its_settings(home: Home, compose: Any) -> None:
    command = compose["services"]["valkey"]["command"]
    server = ComposeValkey(home, command)
    server.start()
    try:
        client = Redis.from_url(server.url)
        wanted = options(command)
        shown = {name: (await client.config_get(name))[name] for name in wanted}
        await client.aclose()
    finally:
        server.stop()

    assert shown.pop("maxmemory") == str(256 * 1024 * 1024)
    assert wanted.pop("maxmemory") == "256mb"
    assert shown == wanted


def properties(environment: dict[str, Any]) -> dict[str, str]:
    """What the image's entrypoint makes of `KAFKA_…`: lower case, and a dot for each underscore."""
    return {
        name.removeprefix("KAFKA_").lower().replace("_", "."): str(value)
        for name, value in environment.items()
        if name not in OF_THE_START_SCRIPT
    }


class ComposeKafka(Kafka):
    """A broker with the container's properties only, but for its ports and its directory."""

    def __init__(self, home: Home, wanted: dict[str, str]) -> None:
        super().__init__(home, cache=default_cache(home.environment))
        self.wanted = wanted

    def _settings(self) -> str:
        ports = {
            "9092": self.port,
            "9093": self.controller_port,
            "9094": choose_free_port(taken=[self.port, self.controller_port]),
        }
        settings = {
            name: re.sub(
                r"(://|@)[\w.]*:(\d+)",
                lambda place: f"{place[1]}{LOOPBACK}:{ports[place[2]]}",
                value,
            )
            for name, value in self.wanted.items()
        }
        settings["log.dirs"] = str(self.directory)
        return "".join(f"{name}={value}\n" for name, value in settings.items())


@pytest.fixture
def kafka(home: Home, compose: Any) -> Iterator[ComposeKafka]:
    server = ComposeKafka(home, properties(compose["services"]["kafka"]["environment"]))
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def admin(kafka: ComposeKafka) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await admin.start()
    yield admin
    await admin.close()


async def test_kafka_runs_with_its_settings_and_knows_each_by_name(
    kafka: ComposeKafka, admin: AIOKafkaAdminClient
) -> None:
    broker = ConfigResource(ConfigResourceType.BROKER, kafka.wanted["node.id"])
    [answer] = await admin.describe_configs([broker])
    [(_, _, _, _, entries)] = answer.resources
    shown = {name: value for name, value, *_ in entries}

    # a name that the broker does not know comes back without its value
    for name, value in kafka.wanted.items():
        assert shown.get(name) is not None, f"the broker would ignore {name}"
        if "://" not in value and "@" not in value and name != "log.dirs":
            assert shown[name] == value
