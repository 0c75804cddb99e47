"""CARELINE_HOME: the one directory that holds all a stack knows, checked before it is used."""

import base64
import fcntl
import json
import os
import pwd
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from careline_localstack.errors import StackError
from careline_localstack.ports import choose_free_port, is_free

Progress = Callable[[str], None]

SERVICES = ("ingest", "profile", "scoring", "engagement", "ticketing")

# PostgreSQL's files and up to 512 MB of its log, Kafka's segments, and room for a first import.
_NEEDED_BYTES = 1_000_000_000
_LOCK_WAIT_SECONDS = 300
_OURS = ("data", "logs", "run", "endpoints.json", "keyring.json", "passwords.json", "ports.json")


def default_cache(environment: Mapping[str, str]) -> Path:
    """Downloads that several homes share: CARELINE_CACHE, or ~/.cache/careline."""
    chosen = environment.get("CARELINE_CACHE")
    return Path(chosen).expanduser().resolve() if chosen else Path.home() / ".cache" / "careline"


class Home:
    """The paths, ports and secrets of one stack. Two homes share nothing and run side by side."""

    def __init__(self, root: Path, *, environment: Mapping[str, str] = os.environ) -> None:
        self.root = root.expanduser().resolve()
        self.data = self.root / "data"
        self.logs = self.root / "logs"
        self.run = self.root / "run"
        self.endpoints_file = self.root / "endpoints.json"
        self.environment = environment
        self._notes_lock = threading.Lock()

    @property
    def keyring_file(self) -> Path:
        given = self.environment.get("CARELINE_KEYRING")
        return Path(given).expanduser() if given else self.root / "keyring.json"

    def open(self) -> None:
        """Make the directory ready for use, or say why it cannot be."""
        self.refuse_foreign_owner()
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            for directory in (self.data, self.logs, self.run):
                directory.mkdir(exist_ok=True)
        except OSError as error:
            raise StackError(
                f"The state directory {self.root} cannot be written.",
                why=str(error),
                fix="Set CARELINE_HOME to a directory of your own.",
            ) from error
        self._refuse_full_disk()
        self._write_keyring()

    def wipe(self) -> None:
        """Remove what the stack has written, and nothing else that may lie in the directory."""
        for name in _OURS:
            path = self.root / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    @contextmanager
    def lock(self, progress: Progress) -> Iterator[None]:
        """Only one command at a time starts or stops servers; the next one waits its turn."""
        with (self.run / "lock").open("a+") as file:
            deadline = time.monotonic() + _LOCK_WAIT_SECONDS
            announced = False
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise StackError(
                            f"Another careline command has held {self.root} for "
                            f"{_LOCK_WAIT_SECONDS} seconds.",
                            fix="Let it finish or stop it, then try again.",
                        ) from None
                if not announced:
                    progress("Waiting for another careline command on the same home …")
                    announced = True
                time.sleep(0.1)
            yield

    def port(self, name: str, *, variable: str) -> int:
        """The port from the environment, else the one remembered, else a free one from now on."""
        given = self.environment.get(variable)
        if given:
            if not given.isdigit() or not 0 < int(given) < 65_536:
                raise StackError(f"{variable}={given!r} is not a port number (1–65535).")
            return int(given)
        port = self.remembered_port(name)
        if port is None:
            port = choose_free_port(taken=self._read("ports.json").values())
            self.remember_port(name, port)
        return port

    def remembered_port(self, name: str) -> int | None:
        port = self._read("ports.json").get(name)
        return port if isinstance(port, int) else None

    def remember_port(self, name: str, port: int) -> None:
        self._note("ports.json", name, port)

    def forget_taken_ports(self) -> None:
        """While nothing of ours runs, a remembered port that somebody took is chosen anew."""
        remembered = self._read("ports.json")
        kept = {name: port for name, port in remembered.items() if is_free(port)}
        if kept != remembered:
            self._write("ports.json", kept)

    def password(self, role: str) -> str:
        password = self._read("passwords.json").get(role)
        if password is None:
            password = secrets.token_urlsafe(18)
            self._note("passwords.json", role, password)
        return str(password)

    def write_endpoints(self, content: Mapping[str, Any]) -> None:
        self._write("endpoints.json", content)

    def _read(self, name: str) -> dict[str, Any]:
        try:
            content = json.loads((self.root / name).read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def _note(self, name: str, key: str, value: int | str) -> None:
        # The servers start in parallel threads, and each notes its own.
        with self._notes_lock:
            self._write(name, {**self._read(name), key: value})

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        """Whole or not at all, and readable by its owner only."""
        draft = self.root / f".{name}.{os.getpid()}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(content, file, indent=2)
            file.write("\n")
        draft.replace(self.root / name)

    def _write_keyring(self) -> None:
        if "CARELINE_KEYRING" in self.environment:
            if not self.keyring_file.is_file():
                raise StackError(
                    f"CARELINE_KEYRING names {self.keyring_file}, which is not there.",
                    fix="Correct the path, or unset it and a new keyring is made.",
                )
            return
        if not self.keyring_file.exists():
            keyring = {
                "token_key": _random_key(),
                "seal_keys": {"k1": _random_key()},
                "current_seal_key": "k1",
            }
            self._write("keyring.json", keyring)

    def refuse_foreign_owner(self) -> None:
        """One home, one user: root's files would lock out their owner, and the other way round."""
        owner = self.root.stat().st_uid if self.root.exists() else os.geteuid()
        if owner != os.geteuid():
            raise StackError(
                f"The state directory {self.root} belongs to {_user_name(owner)}, "
                f"and you are {_user_name(os.geteuid())}.",
                fix="Run as that user, or set CARELINE_HOME to a directory of your own.",
            )

    def _refuse_full_disk(self) -> None:
        free = shutil.disk_usage(self.root).free
        if free < _NEEDED_BYTES:
            raise StackError(
                f"The disk that holds {self.root} has {free // 1_000_000} MB free; "
                f"{_NEEDED_BYTES // 1_000_000} MB are needed.",
                fix="Make room, or set CARELINE_HOME to a directory on another disk.",
            )


def _random_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
