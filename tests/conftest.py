"""One real Kafka, PostgreSQL and Valkey for the whole test run, in a home of its own."""

from collections.abc import Iterator

import pytest

from careline_localstack import LocalStack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The three servers, shared by all tests: use topics and rows that no other test uses.

    A test that kills a server starts it again before it ends.
    """
    stack = LocalStack(tmp_path_factory.mktemp("home"))
    stack.start()
    yield stack
    stack.stop()


@pytest.fixture(scope="session")
def admin_url(stack: LocalStack) -> str:
    """PostgreSQL's superuser: `careline_runtime.testing.fresh_database` makes databases with it."""
    return stack.postgres.url("postgres")
