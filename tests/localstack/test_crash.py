"""After a crash of the machine the stack clears up what the crash left, and starts."""

import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from careline_localstack import LocalStack, StackError
from careline_localstack.home import Home
from careline_localstack.kafka import Kafka
from careline_localstack.postgres import Postgres
from careline_localstack.server import silently

pytestmark = pytest.mark.stack


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Postgres]:
    home = Home(tmp_path, environment=os.environ)
    home.open()
    postgres = Postgres(home)
    yield postgres
    postgres.kill()


def test_postgres_starts_although_its_old_pid_belongs_to_another_program(
    postgres: Postgres,
) -> None:
    postgres.start()
    postgres.kill()
    lock = postgres.directory / "postmaster.pid"
    lines = lock.read_text().splitlines()
    lock.write_text("\n".join([str(os.getppid()), *lines[1:]]) + "\n")
    postgres.start()
    assert postgres.is_running


def test_postgres_whose_pid_file_was_lost_is_not_started_twice(postgres: Postgres) -> None:
    postgres.start()
    orphan = postgres.pid
    (postgres.home.run / "postgres.pid").unlink()
    assert not postgres.is_running
    postgres.prepare(silently)
    postgres.start()
    assert postgres.pid not in (None, orphan)


def test_a_cluster_that_was_half_created_is_created_anew(postgres: Postgres) -> None:
    draft = postgres.home.data / "postgres.new"
    draft.mkdir()
    (draft / "PG_VERSION").write_text("18\n")
    postgres.start()
    assert not draft.exists()


def test_a_cluster_of_another_version_is_refused(postgres: Postgres) -> None:
    postgres.directory.mkdir(parents=True)
    (postgres.directory / "PG_VERSION").write_text("17\n")
    with pytest.raises(StackError, match="was made by PostgreSQL 17; this is 18"):
        postgres.start()


@pytest.mark.parametrize("meta", [None, "", "version=1\n"], ids=["missing", "empty", "half"])
def test_kafka_formats_again_what_was_half_formatted(
    stack: LocalStack, tmp_path: Path, meta: str | None
) -> None:
    kafka = a_kafka(stack, tmp_path)
    kafka.directory.mkdir(parents=True)
    if meta is not None:
        (kafka.directory / "meta.properties").write_text(meta)
    kafka.prepare(silently)
    assert "cluster.id=" in (kafka.directory / "meta.properties").read_text()


def test_kafka_formats_under_an_id_that_begins_with_a_dash(
    stack: LocalStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(bytes=b"\xfb" * 16))
    kafka = a_kafka(stack, tmp_path)
    kafka.prepare(silently)
    assert "cluster.id=-" in (kafka.directory / "meta.properties").read_text()


def test_kafka_does_not_format_over_messages(stack: LocalStack, tmp_path: Path) -> None:
    kafka = a_kafka(stack, tmp_path)
    partition = kafka.directory / "careline.touchpoints.v1-0"
    partition.mkdir(parents=True)
    (partition / "00000000000000000000.log").write_bytes(b"messages")
    with pytest.raises(StackError, match="holds messages"):
        kafka.prepare(silently)


def a_kafka(stack: LocalStack, directory: Path) -> Kafka:
    """Needs the shared stack only for its jars, which it has downloaded."""
    assert stack.kafka.is_running
    home = Home(directory, environment=os.environ)
    home.open()
    return Kafka(home, cache=stack.cache)


def test_pid_files_of_a_former_boot_mean_stopped(tmp_path: Path) -> None:
    stack = LocalStack(tmp_path)
    stack.home.open()
    for server in stack.servers:
        noted = {"pid": os.getpid(), "started": "a former boot:1"}
        (stack.home.run / f"{server.name}.pid").write_text(json.dumps(noted))
    assert not any(server.is_running for server in stack.servers)
    stack.stop()
