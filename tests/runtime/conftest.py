"""Topics of one's own for the service in `echo.py`, a stage for the one in `notebook.py`."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from careline_contracts.topics import ACTIVITIES, TIER_CHANGES
from careline_localstack import LocalStack
from careline_runtime.setup import create_topics
from tests.runtime.by_hand import StageInTest, fresh_database
from tests.runtime.echo import Echo
from tests.runtime.notebook import Notebook


@pytest.fixture
async def kafka_admin(stack: LocalStack) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.endpoints.kafka)
    await admin.start()
    yield admin
    await admin.close()


@pytest.fixture
async def echo(stack: LocalStack, kafka_admin: AIOKafkaAdminClient) -> Echo:
    await create_topics(stack.endpoints.kafka, replication=1)
    unique = uuid.uuid4().hex[:8]
    topics = [
        replace(topic, name=f"test.{unique}.{name}", partitions=3)
        for name, topic in (("in", ACTIVITIES), ("out", TIER_CHANGES))
    ]
    await kafka_admin.create_topics([NewTopic(t.name, 3, 1) for t in topics])
    return Echo(*topics)


@pytest.fixture
async def database_url(admin_url: str) -> AsyncIterator[str]:
    """A database with the runtime's tables."""
    async with fresh_database(admin_url) as engine:
        yield engine.url.render_as_string(hide_password=False)


@pytest.fixture
def notebook() -> Notebook:
    return Notebook()


@pytest.fixture
async def stage(admin_url: str, notebook: Notebook) -> AsyncIterator[StageInTest]:
    async with fresh_database(admin_url) as engine:
        yield await notebook.open(engine)
