"""Where everything listens: from the environment where it says so, else from the local stack."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from careline_localstack.home import SERVICES


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
    return [name for name in SERVICES if not environment.get(database_variable(name))]
