"""All five services on a stack of their own, under the replay clock: what a journey travels on."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from careline_cli.replay import Pipeline
from careline_localstack import LocalStack
from careline_localstack.services import ServiceOptions
from tests import containers
from tests.stacks import StackInTest

Careline = Callable[..., Any]

SHANGHAI = ZoneInfo("Asia/Shanghai")
FIRST_MONDAY = datetime(2024, 3, 4, tzinfo=SHANGHAI)
"""Two months without a holiday in China begin."""


@pytest.fixture(scope="session")
def running_services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The whole product, shared by the journeys: use customers that no other journey uses."""
    with contextlib.ExitStack() as ending:
        environment = containers.without_servers()
        if containers.are_chosen():
            # not those of the other tests, which say things on the same topics
            environment = ending.enter_context(containers.servers()).environment
        stack = StackInTest(tmp_path_factory.mktemp("journeys"), environment=environment)
        ending.callback(stack.stop)
        stack.start()
        stack.start_services(ServiceOptions(clock="replay"))
        yield stack


@pytest.fixture
async def pipeline(running_services: LocalStack) -> AsyncIterator[Pipeline]:
    """Drains and ticks `running_services`."""
    async with Pipeline(running_services.endpoints) as pipeline:
        yield pipeline


async def next_monday(pipeline: Pipeline) -> datetime:
    """Ten in the morning of a Monday that the shared clock has not reached, outside of holidays.

    Whoever begins a journey then needs no other journey to come before or after it.
    """
    clock = datetime.fromisoformat((await pipeline.get("engagement", "/status"))["clock"])
    day = max(clock.astimezone(SHANGHAI) + timedelta(days=1), FIRST_MONDAY)
    day += timedelta(days=-day.weekday() % 7)
    return day.replace(hour=10, minute=0, second=0, microsecond=0)


@pytest.fixture
def careline(running_services: LocalStack) -> Careline:
    """`careline` on the running stack; returns what it prints as JSON, None for nothing."""

    def run(*arguments: str, exit_code: int = 0, **variables: str) -> Any:
        home = {"CARELINE_HOME": str(running_services.home.root)}
        done = subprocess.run(
            [sys.executable, "-m", "careline_cli", *arguments],
            env={**os.environ, **home, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == exit_code, done.stderr
        return json.loads(done.stdout) if done.stdout else None

    return run
