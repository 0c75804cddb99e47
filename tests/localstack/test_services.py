"""A service process gets its variables, is awaited until ready, and its last words are shown."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from careline_localstack import LocalStack, ServiceOptions, StackError
from careline_localstack.endpoints import without_servers
from careline_localstack.services import Service, service_environment

READY = """
import json, os
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

class Health(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health/ready" else 404)
        self.end_headers()

Path("seen.json").write_text(json.dumps(dict(os.environ)))
HTTPServer(("127.0.0.1", int(os.environ["HTTP_PORT_PROFILE"])), Health).serve_forever()
"""
DIES = "import sys; print('no such column: tier'); sys.exit(3)"

EXTERNAL = {
    "KAFKA_BOOTSTRAP_SERVERS": "broker.example:9092",
    "VALKEY_URL": "redis://cache.example:6379/0",
    "DATABASE_URL_PROFILE": "postgresql://profile@db.example/profile",
}


class Scripted(Service):
    script = READY

    def command(self) -> Sequence[str]:
        return [sys.executable, "-c", self.script]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Scripted]:
    stack = LocalStack(tmp_path, environment=EXTERNAL)
    stack.home.open()
    ServiceOptions(clock="replay").save(stack.home)
    service = Scripted(stack.home, "profile", lambda: stack.endpoints)
    yield service
    service.kill()


def test_a_service_is_started_with_its_endpoints_and_awaited(service: Scripted) -> None:
    service.start()
    assert service.is_ready()
    environment = service.process_environment()
    assert environment["KAFKA_BOOTSTRAP_SERVERS"] == "broker.example:9092"
    assert environment["DATABASE_URL_PROFILE"].endswith("@db.example/profile")
    assert environment["CARELINE_CLOCK"] == "replay"
    assert environment["CARELINE_KEYRING"] == str(service.home.keyring_file)
    assert (service.home.root / "seen.json").exists()
    service.stop()
    assert not service.is_running


def test_a_service_that_dies_leaves_its_last_words(service: Scripted) -> None:
    service.script = DIES
    with pytest.raises(StackError, match="Service profile stopped while starting") as caught:
        service.start()
    assert "no such column: tier" in caught.value.why
    assert str(service.process.log_file) in caught.value.fix


def test_one_that_never_becomes_ready_is_not_awaited_for_ever(service: Scripted) -> None:
    service.script = "import time; time.sleep(60)"
    service.ready_within_seconds = 0.2
    with pytest.raises(StackError, match="did not answer within"):
        service.start()


def test_servers_named_in_the_environment_are_not_ours_to_start(tmp_path: Path) -> None:
    stack = LocalStack(tmp_path, environment=EXTERNAL)
    assert [server.name for server in stack.servers] == ["postgres"]
    endpoints = stack.endpoints
    assert endpoints.kafka == "broker.example:9092"
    assert endpoints.databases["profile"].endswith("@db.example/profile")
    assert "@127.0.0.1:" in endpoints.databases["scoring"]


def test_where_every_server_is_named_none_of_ours_starts(tmp_path: Path) -> None:
    databases = {
        f"DATABASE_URL_{name.upper()}": f"postgresql://{name}@db.example/{name}"
        for name in ("profile", "scoring", "engagement", "ticketing")
    }
    stack = LocalStack(tmp_path, environment={**EXTERNAL, **databases})
    assert stack.servers == []
    assert set(stack.endpoints.as_environment()) >= set(databases)
    assert "DATABASE_URL_INGEST" not in stack.endpoints.as_environment()


def test_a_stack_of_its_own_forgets_the_servers_and_ports_that_a_shell_names() -> None:
    named = {
        **EXTERNAL,
        "DATABASE_URL": "postgresql://db.example",
        "HTTP_PORT": "8080",
        "HTTP_PORT_SCORING": "18080",
        "CARELINE_KAFKA_CONTROLLER_PORT": "19093",
        "CARELINE_VALKEY_PORT": "16379",
    }
    others = {"PATH": "/bin", "CARELINE_CACHE": "/cache", "CARELINE_MAVEN_URL": "https://maven"}
    assert without_servers({**named, **others}) == others


def test_each_service_finds_its_own_port(tmp_path: Path) -> None:
    stack = LocalStack(tmp_path, environment={"HTTP_PORT_SCORING": "18080"})
    stack.home.open()
    environment = service_environment(stack.home, stack.endpoints)
    assert environment["HTTP_PORT_SCORING"] == "18080"
    assert stack.endpoints.services["scoring"] == "http://127.0.0.1:18080"
