"""`careline down`: stops what this home started, by pid, and nothing else."""

from typing import Annotated

import typer

from careline_cli.checkout import local_stack
from careline_cli.console import progress, stderr


def down(
    wipe: Annotated[
        bool, typer.Option("--wipe", help="Also delete all messages, databases and keys.")
    ] = False,
) -> None:
    """Stop the services and the local stack. The data stay unless you say --wipe.

    [bold]Examples[/]

    careline down

    careline down --wipe   # start over with nothing
    """
    stack = local_stack()
    progress("Stopping the services, then the servers …")
    stack.stop()
    if wipe:
        stack.home.wipe()
    stderr.print("Stopped, and all state deleted." if wipe else "Stopped. The data are kept.")
