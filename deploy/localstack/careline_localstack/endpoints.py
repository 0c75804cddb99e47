"""Where everything listens: from the environment where it says so, else from the local stack."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from careline_contracts.topics import WITH_DATABASE


@dataclass(frozen=True)
class Endpoints:
    """The addresses that `endpoints.json` holds; scripts rely on its keys."""

    services: Mapping[str, str]
    kafka: str
    databases: Mapping[str, str]
    valkey: str

    def as_json(self) -> dict[str, Any]:
        return {
            **self.services,
            "kafka": self.kafka,
            "databases": dict(self.databases),
            "valkey": self.valkey,
        }

    def as_environment(self) -> dict[str, str]:
        """What a service process reads."""
        variables = {"KAFKA_BOOTSTRAP_SERVERS": self.kafka, "VALKEY_URL": self.valkey}
        for name, url in self.databases.items():
            variables[database_variable(name)] = url
        for name, url in self.services.items():
            variables[http_port_variable(name)] = url.rpartition(":")[2]
        return variables


def database_variable(service: str) -> str:
    return f"DATABASE_URL_{service.upper()}"


def http_port_variable(service: str) -> str:
    return f"HTTP_PORT_{service.upper()}"


def missing_databases(environment: Mapping[str, str]) -> list[str]:
    """The services whose database the environment does not name."""
    return [name for name in WITH_DATABASE if not environment.get(database_variable(name))]


_NAMES_A_SERVER = re.compile(
    r"KAFKA_BOOTSTRAP_SERVERS|VALKEY_URL|DATABASE_URL.*|HTTP_PORT.*|CARELINE_.*_PORT"
)


def without_servers(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without the servers and ports it names: what a stack of its own starts in."""
    return {n: value for n, value in environment.items() if not _NAMES_A_SERVER.fullmatch(n)}
