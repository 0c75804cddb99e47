"""A real ingest that wants keys."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from careline_localstack import LocalStack, ServiceOptions

Careline = Callable[..., Any]


@pytest.fixture(scope="session")
def ingest_url(stack: LocalStack) -> Iterator[str]:
    """Where it listens."""
    stack.start_services(ServiceOptions(keys_required=True), names=("ingest",))
    yield stack.endpoints.services["ingest"]
    stack.services["ingest"].stop()


@pytest.fixture(scope="session")
def careline(stack: LocalStack, ingest_url: str) -> Careline:
    """`careline … --json` on that ingest's stack."""

    def run(*arguments: str, **environment: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "careline_cli", *arguments, "--json"],
            env={**os.environ, "CARELINE_HOME": str(stack.home.root), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run
