"""The command line: results on stdout, errors that help, exit codes that scripts can trust."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import typer
from typer.core import TyperGroup
from typer.testing import CliRunner

from careline_cli import check
from careline_cli.app import COMMANDS, app
from careline_cli.checkout import stack_of_its_own
from careline_cli.console import CommandError, writable
from careline_contracts.topics import SERVICES, WITH_DATABASE
from careline_localstack import Endpoints, LocalStack
from tests.foreground import in_the_foreground


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
        ("demo --json no/such/directory/summary.json", 2),
        ("bench --json .", 2),
        ("customer show nobody", 1),
        ("customer review show L1", 2),
        ("customer split C0000000000AB --edge C0000000000AB --reason mistaken", 2),
        ("test --version", 0),
        ("test --no-such-option", 4),
        ("run profile", 1),
        ("status", 0),
        ("down", 0),
    ],
)
def test_exit_codes(careline: Command, line: str, exit_code: int) -> None:
    done = careline(*line.split())
    assert done.returncode == exit_code, done.stderr
    assert "Traceback" not in done.stderr


def every_command() -> Iterator[str]:
    """Each command and each of its subcommands, as one types it."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    waiting = [(name, group.get_command(typer.Context(group), name)) for name in COMMANDS]
    while waiting:
        line, command = waiting.pop()
        yield line
        if isinstance(command, TyperGroup):
            waiting += [(f"{line} {name}", one) for name, one in command.commands.items()]


@pytest.mark.parametrize("line", sorted(every_command()))
def test_every_command_teaches_by_example(line: str) -> None:
    help_text = CliRunner().invoke(app, [*line.split(), "--help"]).stdout
    assert f"careline {line.split()[0]}" in help_text.partition("Examples")[2]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("statsu", "Did you mean status?"), ("tickets", "Did you mean ticket?"), ("xyzzy", "xyzzy")],
)
def test_a_misspelt_command_is_told_what_was_meant(typed: str, meant: str) -> None:
    assert meant in CliRunner().invoke(app, [typed]).stderr


@pytest.mark.parametrize(
    "line",
    [
        "deadletter list",
        "channel list",
        "channel create hotline --channel phone --source /phone",
        "policy history",
        "policy publish services/scoring/careline_scoring/policy.yaml",
        "policy backtest services/scoring/careline_scoring/policy.yaml",
        "playbook dry-run services/engagement/careline_engagement/policy.yaml",
        "audit verify",
        "case list",
    ],
)
def test_a_stack_that_was_stopped_is_not_waited_for(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as once:
        silent = f"127.0.0.1:{once.getsockname()[1]}"
    stopped = Endpoints(
        services=dict.fromkeys(SERVICES, f"http://{silent}"),
        kafka=silent,
        databases=dict.fromkeys(WITH_DATABASE, f"postgresql://{silent}/any"),
        valkey=f"redis://{silent}/0",
    )
    (tmp_path / "endpoints.json").write_text(json.dumps(stopped.as_json()))
    monkeypatch.setenv("CARELINE_HOME", str(tmp_path))

    stopped_with = CliRunner().invoke(app, line.split()).exception

    assert isinstance(stopped_with, CommandError)
    assert "does not answer" in stopped_with.what and "careline up" in stopped_with.fix


@pytest.mark.parametrize(
    "path", [".", "no/such/directory.json", "pyproject.toml/file.json", "/proc/version/file"]
)
def test_where_a_result_cannot_be_written_the_work_is_not_begun(path: str) -> None:
    with pytest.raises(typer.BadParameter, match="cannot be written"):
        writable(Path(path))


def test_where_a_result_can_be_written_nothing_is_left_before_it(tmp_path: Path) -> None:
    assert writable(tmp_path / "new.json") == tmp_path / "new.json"
    assert list(tmp_path.iterdir()) == []
    assert writable(Path(os.devnull)) == Path(os.devnull)
    assert writable(None) is None


BOGUS = {
    "KAFKA_BOOTSTRAP_SERVERS": "production.example:9092",
    "VALKEY_URL": "redis://production.example:6379/0",
    "DATABASE_URL": "postgresql://production.example/any",
    "DATABASE_URL_SCORING": "postgresql://production.example/scoring",
    "HTTP_PORT_INGEST": "1",
    "CARELINE_POSTGRES_PORT": "2",
}


def test_a_stack_of_its_own_is_its_own_whatever_the_shell_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARELINE_HOME", str(tmp_path))
    for name, value in BOGUS.items():
        monkeypatch.setenv(name, value)
    with stack_of_its_own("bench") as stack:
        stack.home.open()
        addresses = [*stack.endpoints.as_json().values(), *stack.endpoints.databases.values()]
        assert not any(bogus in str(addresses) for bogus in ("production", ":1'", ":2/"))
        assert [server.name for server in stack.servers] == ["kafka", "postgres", "valkey"]
        inherited = stack.services["scoring"].process_environment()
        assert "production" not in str(inherited)
        assert stack.home.root == tmp_path / "bench"


def test_a_stack_of_its_own_removes_nothing_that_it_did_not_make(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARELINE_HOME", str(tmp_path))
    photos = tmp_path / "demo" / "photos"
    photos.mkdir(parents=True)
    with stack_of_its_own("demo") as stack:
        stack.home.open()
    assert list((tmp_path / "demo").iterdir()) == [photos]


@pytest.mark.stack
def test_a_stack_left_behind_is_stopped_before_its_files_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARELINE_HOME", str(tmp_path))
    left_behind = LocalStack(tmp_path / "bench")
    left_behind.home.open()
    left_behind.valkey.start()
    pid = left_behind.valkey.pid
    with stack_of_its_own("bench"):
        assert pid is not None
        assert not psutil.pid_exists(pid)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.stack
@pytest.mark.parametrize(
    ("command", "number"), [("demo", signal.SIGHUP), ("bench", signal.SIGTERM)]
)
def test_a_command_that_is_told_to_end_stops_what_it_started(
    tmp_path: Path, command: str, number: signal.Signals
) -> None:
    stack = LocalStack(tmp_path / command)
    try:
        with in_the_foreground(command, home=tmp_path) as running:
            assert running.says("Creating topics")
            assert all(server.is_running for server in stack.servers)
            running.is_told(number)
            running.is_told(number)
            exit_code, said = running.ends()
            assert exit_code != 0
            assert "Stopping everything" in said
            assert "Traceback" not in said
            processes = (*stack.servers, *stack.services.values())
            assert not any(process.is_running for process in processes)
    finally:
        stack.stop()


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
