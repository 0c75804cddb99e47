"""Kafka's jars are those of the lock or none; one that is altered or missing is refused."""

import gc
import hashlib
import threading
import warnings
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from careline_localstack import StackError, jars
from careline_localstack.jars import ENDPOINT, Jar, ensure_jars, locked_jars

CONTENT = b"not really a jar"
A_JAR = Jar("org.example", "thing", "1.0", hashlib.sha256(CONTENT).hexdigest())


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the test's output is not the place."""


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[str]:
    """A Maven repository on loopback that holds one jar and its checksum."""
    directory = tmp_path / "repository" / "org" / "example" / "thing" / "1.0"
    directory.mkdir(parents=True)
    (directory / "thing-1.0.jar").write_bytes(CONTENT)
    (directory / "thing-1.0.jar.sha1").write_text(
        hashlib.sha1(CONTENT, usedforsecurity=False).hexdigest()
    )
    handler = partial(QuietHandler, directory=tmp_path / "repository")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _lock_of_one_jar(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "tmp_path" in request.fixturenames:
        monkeypatch.setattr(jars, "locked_jars", lambda: [A_JAR])


def silently(_: str) -> None: ...


def test_the_lock_names_all_that_the_broker_needs() -> None:
    locked = {jar.coordinate for jar in locked_jars()}
    assert len(locked) == 46
    assert set(ENDPOINT.split("+")) <= locked


def test_a_second_start_asks_nothing_of_the_network(tmp_path: Path, repository: str) -> None:
    cache = tmp_path / "cache"
    (path,) = ensure_jars(cache, silently, {"CARELINE_MAVEN_URL": repository})
    assert path.read_bytes() == CONTENT
    nowhere = {"CARELINE_MAVEN_URL": "http://127.0.0.1:1"}
    assert ensure_jars(cache, silently, nowhere) == [path]


def test_a_damaged_jar_is_fetched_again(tmp_path: Path, repository: str) -> None:
    cache, mirror = tmp_path / "cache", {"CARELINE_MAVEN_URL": repository}
    (path,) = ensure_jars(cache, silently, mirror)
    path.write_bytes(CONTENT[:5])
    ensure_jars(cache, silently, mirror)
    assert path.read_bytes() == CONTENT


def test_an_altered_jar_is_refused(
    tmp_path: Path, repository: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = Jar("org.example", "thing", "1.0", "0" * 64)
    monkeypatch.setattr(jars, "locked_jars", lambda: [expected])
    with pytest.raises(StackError, match="is not the file that the lock names"):
        ensure_jars(tmp_path / "cache", silently, {"CARELINE_MAVEN_URL": repository})
    assert list((tmp_path / "cache" / "jars").iterdir()) == []


@pytest.mark.parametrize("path", ["", "/elsewhere"], ids=["unreachable", "without the jar"])
def test_a_repository_that_does_not_deliver_names_jar_and_way_out(
    tmp_path: Path, repository: str, path: str
) -> None:
    mirror = repository + path if path else "http://127.0.0.1:1"
    with warnings.catch_warnings():
        # jgo leaves the refused response open; collected here, it cannot fail a later test.
        warnings.simplefilter("ignore", ResourceWarning)
        with pytest.raises(StackError) as caught:
            ensure_jars(tmp_path / "cache", silently, {"CARELINE_MAVEN_URL": mirror})
        message = str(caught.value)
        del caught
        gc.collect()
    assert "org.example:thing:1.0" in message
    assert "KAFKA_BOOTSTRAP_SERVERS=HOST:PORT careline up" in message
