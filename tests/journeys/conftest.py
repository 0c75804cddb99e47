"""All five services on a stack of their own, under the replay clock: what a journey travels on."""

from collections.abc import AsyncIterator, Iterator

import pytest

from careline_cli.replay import Pipeline
from careline_localstack import LocalStack
from careline_localstack.services import ServiceOptions


@pytest.fixture(scope="session")
def running_services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The whole product, shared by the journeys: use customers that no other journey uses."""
    stack = LocalStack(tmp_path_factory.mktemp("journeys"))
    try:
        stack.start()
        stack.start_services(ServiceOptions(clock="replay"))
        yield stack
    finally:
        stack.stop()


@pytest.fixture
async def pipeline(running_services: LocalStack) -> AsyncIterator[Pipeline]:
    """Drains and ticks `running_services`."""
    async with Pipeline(running_services.endpoints) as pipeline:
        yield pipeline
