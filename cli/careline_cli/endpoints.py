"""Where the running stack listens: what `careline up` wrote into endpoints.json."""

import json

from careline_cli.checkout import home_directory
from careline_cli.console import CommandError
from careline_contracts.topics import SERVICES
from careline_localstack import Endpoints


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
