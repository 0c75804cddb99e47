"""One real Kafka, PostgreSQL and Valkey for all tests of a process, in a home of their own.

They are the local stack's, or containers where `CARELINE_TEST_STACK=docker` says so.
"""

from collections.abc import Iterator
from typing import cast

import pytest
import structlog
from hypothesis import HealthCheck, settings
from xdist.remote import Producer

from careline_localstack import LocalStack
from tests import containers
from tests.containers import OnlyEndpoints, Servers
from tests.stacks import StackInTest
from tests.workers import ByUnit, longest_first

# how long an example takes says how busy the machine is, and nothing about the code
settings.register_profile("careline", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("careline")

SHARED_SERVERS = {"stack", "running_services"}
"""Fixtures whose servers may be containers."""


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByUnit:
    return ByUnit(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=longest_first)
    if not containers.are_chosen():
        return
    skip = pytest.mark.skip(reason=f"{containers.VARIABLE}=docker: starts local servers of its own")
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if item.get_closest_marker("stack") and not fixtures & SHARED_SERVERS:
            item.add_marker(skip)


@pytest.fixture(scope="session", autouse=True)
def _plain_tracebacks() -> None:
    """Rich ones with every local variable, which tests raise by the hundred, take a second each."""
    *others, _ = structlog.get_config()["processors"]
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*others, plain])


@pytest.fixture(scope="session")
def container_servers() -> Iterator[Servers | None]:
    """The containers that serve, where containers do."""
    if not containers.are_chosen():
        yield None
        return
    with containers.servers() as servers:
        yield servers


@pytest.fixture(scope="session")
def stack(
    tmp_path_factory: pytest.TempPathFactory, container_servers: Servers | None
) -> Iterator[LocalStack]:
    """The three servers, shared by all tests: use topics and rows that no other test uses.

    A test that kills a server starts it again before it ends; where containers serve, it is
    skipped.
    """
    if container_servers is not None:
        yield cast(LocalStack, OnlyEndpoints(container_servers.endpoints))
        return
    stack = StackInTest(tmp_path_factory.mktemp("home"), environment=containers.without_servers())
    stack.start()
    yield stack
    stack.stop()


@pytest.fixture(scope="session")
def admin_url(stack: LocalStack, container_servers: Servers | None) -> str:
    """PostgreSQL's superuser: `tests.runtime.by_hand.fresh_database` makes databases with it."""
    return container_servers.admin_url if container_servers else stack.postgres.url("postgres")
