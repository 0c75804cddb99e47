"""What `check` answers a script: the same shape for every policy, whether it holds or not."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from careline_cli.console import stdout
from careline_cli.policy.models import Refused


@contextmanager
def answered_as_json(service: str) -> Iterator[None]:
    """A policy that does not hold is answered by its problems, and exit code 1."""
    try:
        yield
    except Refused as refused:
        problems = [problem._asdict() for problem in refused.problems]
        found = {"service": service, "version": None, "valid": False, "problems": problems}
        stdout.print_json(data=found)
        raise typer.Exit(1) from refused


def holds(service: str, version: str) -> dict[str, Any]:
    """The answer about a policy that holds."""
    return {"service": service, "version": version, "valid": True, "problems": []}
