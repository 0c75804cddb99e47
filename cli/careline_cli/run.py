"""`careline run SERVICE`: one service in the foreground, in the place of its background process."""

import os
import sys
from typing import Annotated

import typer

from careline_cli.checkout import local_stack
from careline_cli.console import CommandError, progress
from careline_contracts.topics import SERVICES
from careline_localstack.services import service_environment, set_up


def run(
    service: Annotated[str, typer.Argument(help=f"One of: {', '.join(SERVICES)}.")],
) -> None:
    """Run one service in the foreground against the running stack; its log comes to you.

    A background process of the same service is stopped first. Ctrl-C drains and ends.

    [bold]Examples[/]

    careline up --no-services

    careline run profile
    """
    if service not in SERVICES:
        raise typer.BadParameter(f"{service!r} is none of {', '.join(SERVICES)}.")
    stack = local_stack()
    stopped = [server.title for server in stack.servers if not server.is_running]
    if stopped:
        raise CommandError(
            f"Not running: {', '.join(stopped)}.",
            fix="Start the servers first: careline up --no-services",
        )
    background = stack.services[service]
    if background.is_running:
        progress(f"Stopping the background process of {service} …")
        background.stop()
    set_up(stack.home, stack.endpoints, [service])
    environment = {
        **service_environment(stack.home, stack.endpoints),
        "CARELINE_LOG_FORMAT": os.environ.get("CARELINE_LOG_FORMAT", "console"),
    }
    os.execve(sys.executable, [sys.executable, "-m", f"careline_{service}"], environment)  # noqa: S606
