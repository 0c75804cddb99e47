"""The command line: results on stdout, errors that help, exit codes that scripts can trust."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from careline_cli import check
from careline_cli.app import COMMANDS, app
from careline_localstack import LocalStack


class Command:
    """`careline` with a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(self, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "careline_cli", *arguments],
            env={**os.environ, "CARELINE_HOME": str(self.home), "COLUMNS": "200", **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def careline(tmp_path: Path) -> Iterator[Command]:
    command = Command(tmp_path / "home")
    yield command
    LocalStack(command.home).stop()


@pytest.mark.parametrize(
    ("line", "exit_code"),
    [
        ("--help", 0),
        ("up --help", 0),
        ("no-such-command", 2),
        ("up --clock sundial", 2),
        ("run no-such-service", 2),
        ("run profile", 1),
        ("status", 0),
        ("down", 0),
    ],
)
def test_exit_codes(careline: Command, line: str, exit_code: int) -> None:
    done = careline(*line.split())
    assert done.returncode == exit_code, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_command_teaches_by_example(command: str) -> None:
    help_text = CliRunner().invoke(app, [command, "--help"]).stdout
    assert f"careline {command}" in help_text.replace("\n", " ")


@pytest.mark.stack
def test_up_status_down(careline: Command) -> None:
    # Two at once: the second waits for the first and finds everything running.
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: careline("up", "--no-services", "--json"), range(2))
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert json.loads(first.stdout) == json.loads(second.stdout)
    assert json.loads(first.stdout) == json.loads((careline.home / "endpoints.json").read_text())

    servers = json.loads(careline("status", "--json").stdout)["servers"]
    assert {part["state"] for part in servers.values()} == {"ready"}

    moved = careline("up", "--no-services", CARELINE_VALKEY_PORT="9")
    assert moved.returncode == 1
    assert "already runs on port" in moved.stderr

    assert careline("down").returncode == 0
    servers = json.loads(careline("status", "--json").stdout)["servers"]
    assert {part["state"] for part in servers.values()} == {"stopped"}
    assert careline("down", "--wipe").returncode == 0
    assert list(careline.home.iterdir()) == []


@pytest.mark.stack
def test_a_taken_port_is_named_and_nothing_stays_behind(
    careline: Command, stack: LocalStack
) -> None:
    taken = str(stack.valkey.port)
    done = careline("up", "--no-services", CARELINE_VALKEY_PORT=taken)
    assert done.returncode == 1
    assert f"Port {taken}, meant for Valkey, is taken by process {stack.valkey.pid}" in done.stderr
    assert "CARELINE_VALKEY_PORT=PORT careline up" in done.stderr
    servers = json.loads(careline("status", "--json").stdout)["servers"]
    assert {part["state"] for part in servers.values()} == {"stopped"}


@pytest.mark.stack
def test_servers_from_the_environment_are_used_and_left_running(
    careline: Command, stack: LocalStack
) -> None:
    theirs = stack.endpoints
    variables = {
        "KAFKA_BOOTSTRAP_SERVERS": theirs.kafka,
        "VALKEY_URL": theirs.valkey,
        **{f"DATABASE_URL_{name.upper()}": url for name, url in theirs.databases.items()},
    }
    done = careline("up", "--no-services", "--json", **variables)
    assert json.loads(done.stdout)["databases"] == dict(theirs.databases)
    assert not list((careline.home / "run").glob("*.pid"))
    assert careline("down", **variables).returncode == 0
    assert all(server.is_running for server in stack.servers)


def test_check_names_what_failed_and_how_to_mend_it(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    crooked = tmp_path / "crooked.py"
    crooked.write_text("import os\nx = ( 1 )\n")
    monkeypatch.setattr(
        check,
        "_CHECKS",
        (
            check._Check("lint", ("ruff", "check", str(crooked)), "remove it"),
            check._Check("version", ("ruff", "--version"), "never needed"),
        ),
    )
    with pytest.raises(typer.Exit) as ending:
        check.check(fix=False)
    assert ending.value.exit_code == 1
    out, err = capfd.readouterr()
    assert "F401" in out
    assert "✗ lint" in err
    assert "✓ version" in err
    assert "lint failed → remove it" in err
