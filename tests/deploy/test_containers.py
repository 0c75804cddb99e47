"""Containers may serve the tests; where they can't, the run says so before it begins."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from careline_localstack.endpoints import Endpoints
from tests import containers
from tests.containers import OnlyEndpoints, Servers

ENDPOINTS = Endpoints({}, "k:1", {"scoring": "postgresql://s"}, "redis://v")


def collect(root: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "tests/contracts/test_topics.py"],
        cwd=root,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_docker_that_does_not_answer_is_named_before_the_first_test(
    root: Path, tmp_path: Path
) -> None:
    away = f"unix://{tmp_path}/no.sock"
    done = collect(root, CARELINE_TEST_STACK="docker", DOCKER_HOST=away)

    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "CARELINE_TEST_STACK=docker, but Docker does not answer" in done.stderr
    assert "unset CARELINE_TEST_STACK: the local servers need none" in done.stderr


def test_another_word_is_refused(root: Path) -> None:
    done = collect(root, CARELINE_TEST_STACK="podman")

    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "CARELINE_TEST_STACK is 'podman': say local or docker" in done.stderr


def test_servers_that_the_environment_names_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAFKA_BOOTSTRAP_SERVERS", "VALKEY_URL", "DATABASE_URL_SCORING"):
        monkeypatch.setenv(name, "somebody.else:1")
    monkeypatch.setenv("CARELINE_CACHE", "/kept")

    assert "somebody.else:1" not in containers.without_servers().values()
    assert containers.without_servers()["CARELINE_CACHE"] == "/kept"


def test_a_stack_in_containers_is_told_all_their_addresses() -> None:
    environment = Servers(ENDPOINTS, admin_url="").environment

    assert environment["KAFKA_BOOTSTRAP_SERVERS"] == "k:1"
    assert environment["DATABASE_URL_SCORING"] == "postgresql://s"
    assert environment["VALKEY_URL"] == "redis://v"


def test_a_test_that_is_about_local_servers_is_skipped_with_the_reason() -> None:
    stack: Any = OnlyEndpoints(ENDPOINTS)

    assert stack.endpoints.kafka == "k:1"
    with pytest.raises(pytest.skip.Exception, match="is about servers of the local stack"):
        stack.postgres.kill()


def test_containers_are_those_of_the_compose_file(
    compose: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("testcontainers.core.container.DockerClient", Mock())
    kafka = containers._kafka(compose["services"]["kafka"], "localhost:12345")
    postgres = containers._postgres(compose["services"]["postgres"])

    assert kafka.image == compose["services"]["kafka"]["image"]
    assert kafka.ports == {"9094": 12345}
    assert kafka.env["KAFKA_ADVERTISED_LISTENERS"].endswith("HOST://localhost:12345")
    assert f"HOST://:{containers.CHANNEL_PORT}" in kafka.env["KAFKA_LISTENERS"]
    assert postgres.image == compose["services"]["postgres"]["image"]
    assert postgres.env["SCORING_DB_PASSWORD"] == "scoring"
    assert "builtin" in postgres.env["POSTGRES_INITDB_ARGS"]
