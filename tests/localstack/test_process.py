"""A process is known by pid and start: no stale pid file misleads, no stranger is ever hit."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from careline_localstack import StackError
from careline_localstack.process import DetachedProcess

SLEEPER = [sys.executable, "-c", "import time; print('awake', flush=True); time.sleep(60)"]
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print('awake', flush=True); time.sleep(60)",
]


@pytest.fixture
def process(tmp_path: Path) -> Iterator[DetachedProcess]:
    process = a_process(tmp_path)
    yield process
    process.kill()


def a_process(directory: Path) -> DetachedProcess:
    return DetachedProcess(
        "Sleeper", pid_file=directory / "sleeper.pid", log_file=directory / "sleeper.log"
    )


def start(process: DetachedProcess, command: list[str], directory: Path) -> None:
    process.start(command, environment=os.environ, directory=directory)
    wait_until(lambda: "awake" in process.last_log_lines())


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_is_found_again_by_its_pid_file(process: DetachedProcess, tmp_path: Path) -> None:
    start(process, SLEEPER, tmp_path)
    again = a_process(tmp_path)
    assert again.pid == process.pid is not None
    again.stop()
    assert not process.is_running


def test_one_that_does_not_listen_is_killed(process: DetachedProcess, tmp_path: Path) -> None:
    start(process, DEAF, tmp_path)
    process.stop(timeout_seconds=0.2)
    assert not process.is_running


def test_a_kill_takes_the_children_along(process: DetachedProcess, tmp_path: Path) -> None:
    start(process, ["/bin/sh", "-c", "sleep 60 & echo awake; wait"], tmp_path)
    assert process.pid is not None
    (child,) = psutil.Process(process.pid).children()
    process.kill()
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("", id="emptied by a crash of the machine"),
        pytest.param('{"pid": 999999999, "started": "x"}', id="pid of nobody"),
        pytest.param('{"started": "x"}', id="no pid"),
    ],
)
def test_a_stale_pid_file_means_stopped(tmp_path: Path, content: str) -> None:
    (tmp_path / "sleeper.pid").write_text(content)
    assert not a_process(tmp_path).is_running


def test_a_reused_pid_is_left_alone(tmp_path: Path) -> None:
    """The file names a living process that has our pid, but did not start when ours did."""
    with subprocess.Popen(SLEEPER, stdout=subprocess.DEVNULL) as stranger:
        noted = {"pid": stranger.pid, "started": "another boot:123"}
        (tmp_path / "sleeper.pid").write_text(json.dumps(noted))
        ours = a_process(tmp_path)
        ours.stop()
        ours.kill()
        assert stranger.poll() is None
        stranger.send_signal(signal.SIGKILL)


def test_a_program_that_is_missing_is_an_explained_error(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="Sleeper could not be started"):
        a_process(tmp_path).start(["/no/such"], environment={}, directory=tmp_path)
