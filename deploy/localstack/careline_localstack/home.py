"""CARELINE_HOME: the one directory that holds all a stack knows, checked before it is used."""

import fcntl
import json
import os
import pwd
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from careline_localstack.errors import StackError
from careline_localstack.ports import choose_free_port, is_free
from careline_runtime.key_file import create_key_file, write_private

Progress = Callable[[str], None]

# PostgreSQL's files and up to 512 MB of its log, Kafka's segments, and room for a first import.
_NEEDED_BYTES = 1_000_000_000
_LOCK_WAIT_SECONDS = 300
_OURS = (
    "data",
    "logs",
    "run",
    "endpoints.json",
    "keyring.json",
    "passwords.json",
    "ports.json",
    "token-issuer.json",
    "token-issuer.public.json",
)


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

    @property
    def issuer_file(self) -> Path:
        """The private key of `careline token`."""
        return self.root / "token-issuer.json"

    @property
    def issuer_public_file(self) -> Path:
        """What services read of it."""
        return self.root / "token-issuer.public.json"

    def open(self) -> None:
        """Make the directory ready for use, or say why it cannot be."""
        self.refuse_foreign_owner()
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            for directory in (self.data, self.logs, self.run):
                directory.mkdir(exist_ok=True)
                # Topics and logs hold personal data, also below a root that others may enter.
                directory.chmod(0o700)
        except OSError as error:
            raise StackError(
                f"The state directory {self.root} cannot be written.",
                why=str(error),
                fix="Set CARELINE_HOME to a directory of your own.",
            ) from error
        self._refuse_full_disk()
        self._provide_keyring()

    def wipe(self) -> None:
        """Remove what the stack has written, and nothing else that may lie in the directory."""
        for name in _OURS:
            path = self.root / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Wipe, and remove the directory too unless something else lies in it."""
        self.wipe()
        if self.root.exists() and not any(self.root.iterdir()):
            self.root.rmdir()

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
        password = self._secrets(self.root / "passwords.json").get(role)
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
        write_private(self.root / name, json.dumps(content, indent=2) + "\n", replaces=True)

    def _secrets(self, path: Path) -> dict[str, Any]:
        """What the file holds, nothing where there is none; secrets are never made a second time.

        Under other keys every customer known so far would be a stranger, and PostgreSQL knows the
        first passwords only.
        """
        try:
            content = json.loads(path.read_text())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise _unreadable_secrets(path, why=str(error)) from error
        if not isinstance(content, dict) or not content:
            raise _unreadable_secrets(path, why="It holds no secrets.")
        return content

    def _provide_keyring(self) -> None:
        if self._secrets(self.keyring_file):
            return
        if self.environment.get("CARELINE_KEYRING"):
            raise StackError(
                f"CARELINE_KEYRING names {self.keyring_file}, which is not there.",
                fix="Correct the path, or unset it and a new keyring is made.",
            )
        with suppress(FileExistsError):  # another command was quicker
            create_key_file(self.keyring_file)

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


def _unreadable_secrets(path: Path, *, why: str) -> StackError:
    return StackError(
        f"{path} cannot be read.",
        why=why,
        fix="Put back a copy of it. Without one, nothing but starting over is left: delete it, "
        "then `careline down --wipe`.",
    )


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
