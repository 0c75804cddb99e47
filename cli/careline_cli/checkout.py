"""Where this command works: the checkout it belongs to, and the home that holds its state."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from careline_cli.console import progress
from careline_localstack import LocalStack
from careline_localstack.endpoints import without_servers

ROOT = Path(__file__).resolve().parents[2]


def home_directory() -> Path:
    """CARELINE_HOME, or `.careline` in the checkout."""
    chosen = os.environ.get("CARELINE_HOME")
    return Path(chosen) if chosen else ROOT / ".careline"


def local_stack() -> LocalStack:
    return LocalStack(home_directory())


@contextmanager
def stack_of_its_own(name: str, *, keep: bool = False) -> Iterator[LocalStack]:
    """A stack that begins with nothing in `name` below the home, and stops with the command.

    It uses none of the servers that the environment names: what runs here empties databases and
    moves the clock. A stack that was left behind by a killed command is stopped first.
    """
    stack = LocalStack(home_directory() / name, environment=without_servers(os.environ))
    stack.stop()
    stack.home.wipe()
    try:
        yield stack
    finally:
        with suppress(OSError):  # the terminal may be gone
            progress("Stopping everything …")
        stack.stop()
    if not keep:
        stack.home.remove()
