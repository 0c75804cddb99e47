"""The five services as child processes: same variables, logs and health checks as in production."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from careline_localstack.endpoints import Endpoints, http_port_variable
from careline_localstack.errors import StackError
from careline_localstack.home import Home, Progress
from careline_localstack.ports import LOOPBACK
from careline_localstack.server import Server


@dataclass(frozen=True)
class ServiceOptions:
    """What a person chooses when the services start; a service started later gets the same."""

    clock: str = "system"
    policies: str = ""
    keys_required: bool = False
    """Whether ingest refuses events over HTTP without a key."""

    def as_environment(self) -> dict[str, str]:
        policies = {"CARELINE_POLICIES": self.policies} if self.policies else {}
        # what listens on loopback only may be tried out without a key
        anonymous = {"CARELINE_ANONYMOUS": "refuse" if self.keys_required else "accept"}
        return {"CARELINE_CLOCK": self.clock, **policies, **anonymous}

    def save(self, home: Home) -> None:
        _options_file(home).write_text(json.dumps(asdict(self)))

    @classmethod
    def saved(cls, home: Home) -> "ServiceOptions":
        try:
            return cls(**json.loads(_options_file(home).read_text()))
        except (OSError, ValueError, TypeError):
            return cls()


class Service(Server):
    """One service in a process of its own, against the endpoints of its stack."""

    def __init__(self, home: Home, name: str, endpoints: Callable[[], Endpoints]) -> None:
        super().__init__(
            home, name=name, title=f"Service {name}", port_variable=http_port_variable(name)
        )
        self._endpoints = endpoints

    def prepare(self, progress: Progress) -> None:
        """Nothing: topics and tables were made by `set_up` before any service starts."""

    def command(self) -> Sequence[str | Path]:
        return [sys.executable, "-m", f"careline_{self.name}"]

    def process_environment(self) -> dict[str, str]:
        return {
            # a restart gets its partitions back at once (static membership)
            "CARELINE_INSTANCE": f"{self.name}-1",
            **service_environment(self.home, self._endpoints()),
        }

    def is_ready(self) -> bool:
        try:
            with closing(HTTPConnection(LOOPBACK, self.port, timeout=2)) as connection:
                connection.request("GET", "/health/ready")
                return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False

    def advice(self) -> str:
        return f"The whole log is {self.process.log_file}."


def service_environment(home: Home, endpoints: Endpoints) -> dict[str, str]:
    return {
        "CARELINE_LOG_FORMAT": "json",
        **home.environment,
        **endpoints.as_environment(),
        **ServiceOptions.saved(home).as_environment(),
        "CARELINE_KEYRING": str(home.keyring_file),
        "CARELINE_LOCAL_ISSUER": str(home.issuer_public_file),
    }


def set_up(home: Home, endpoints: Endpoints, services: Sequence[str]) -> None:
    """Create every topic of the catalogue, and bring the databases of these services up to date."""
    log_file = home.logs / "setup.log"
    with log_file.open("wb") as log:
        done = subprocess.run(
            [sys.executable, "-m", "careline_runtime.setup", "--services", ",".join(services)],
            env=service_environment(home, endpoints),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        last_lines = "\n".join(log_file.read_text(errors="replace").splitlines()[-12:])
        raise StackError(
            "Topics and databases could not be set up.",
            why=f"The last words:\n{last_lines}\n",
            fix=f"The whole log is {log_file}.",
        )


def _options_file(home: Home) -> Path:
    return home.run / "services.json"
