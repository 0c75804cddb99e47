"""Where the running stack listens: what `careline up` wrote into endpoints.json."""

import json
import socket
from urllib.parse import urlsplit

from careline_cli.checkout import home_directory
from careline_cli.console import CommandError
from careline_contracts.topics import SERVICES
from careline_localstack import Endpoints

DEFAULT_PORTS = {"Kafka": 9092, "PostgreSQL": 5432}


def running_endpoints() -> Endpoints:
    """The endpoints of this home; raises `CommandError` when nothing was started here."""
    path = home_directory() / "endpoints.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Endpoints(
            services={name: content[name] for name in SERVICES},
            kafka=content["kafka"],
            databases=content["databases"],
            valkey=content["valkey"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CommandError(
            "No stack is running here.",
            why=f"{path} cannot be read ({type(error).__name__}).",
            fix="Start one with careline up, or set CARELINE_HOME to the home of a running one.",
        ) from error


def running_servers() -> Endpoints:
    """The endpoints of this home, of which Kafka and PostgreSQL take connections.

    For commands that go there themselves: their clients end in a traceback where nothing answers,
    or try for ever. Raises `CommandError`.
    """
    endpoints = running_endpoints()
    # any broker tells about the others
    _refuse_silent("Kafka", endpoints.kafka.split(","))
    for url in endpoints.databases.values():
        _refuse_silent("PostgreSQL", [url])
    return endpoints


def _refuse_silent(title: str, addresses: list[str]) -> None:
    reasons: list[str] = []
    for address in addresses:
        parts = urlsplit(address if "://" in address else f"kafka://{address}")
        place = (parts.hostname or "localhost", parts.port or DEFAULT_PORTS[title])
        try:
            socket.create_connection(place, timeout=5).close()
        except OSError as error:
            reasons.append(f"{place[0]}:{place[1]}: {error.strerror or error}")
        else:
            return
    raise CommandError(
        f"{title} does not answer.",
        why="\n".join(reasons),
        fix="careline status shows what runs, careline up starts it.",
    )
