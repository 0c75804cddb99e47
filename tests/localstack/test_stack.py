"""The local stack keeps its promises: real servers, durable data, and a way back after a crash."""

import json
import stat
from collections.abc import Iterator

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from redis.asyncio import Redis

from careline_localstack import LocalStack

pytestmark = pytest.mark.stack


async def test_a_message_and_a_row_survive_the_kill_of_their_servers(stack: LocalStack) -> None:
    topic, endpoints = "localstack-survivor", stack.endpoints
    await create_topic(endpoints.kafka, topic)
    await send(endpoints.kafka, topic, b"still here")
    await run_sql(endpoints.databases["profile"], "create table survivor (word text)")
    await run_sql(endpoints.databases["profile"], "insert into survivor values ('still here')")
    ports = stack.kafka.port, stack.postgres.port

    stack.kafka.kill()
    stack.postgres.kill()
    assert not stack.kafka.is_running
    assert not stack.postgres.is_running
    stack.postgres.start()
    stack.kafka.start()

    assert (stack.kafka.port, stack.postgres.port) == ports
    assert await first_message(endpoints.kafka, topic) == b"still here"
    rows = await run_sql(endpoints.databases["profile"], "select word from survivor")
    assert [row["word"] for row in rows] == ["still here"]


async def test_a_wiped_valkey_answers_and_has_forgotten(stack: LocalStack) -> None:
    async with Redis.from_url(stack.endpoints.valkey) as valkey:
        await valkey.set("localstack", "remembered")
        stack.valkey.wipe()
        assert await valkey.get("localstack") is None


async def test_a_killed_valkey_comes_back_on_its_port(stack: LocalStack) -> None:
    port = stack.valkey.port
    stack.valkey.kill()
    stack.valkey.start()
    assert stack.valkey.port == port
    async with Redis.from_url(stack.endpoints.valkey) as valkey:
        assert await valkey.ping()


@pytest.fixture(scope="module")
def another_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A second stack, as everybody but tests starts it."""
    other = LocalStack(tmp_path_factory.mktemp("other"))
    try:
        other.start()
        yield other
    finally:
        other.stop()


async def test_the_database_promises_durability(another_home: LocalStack) -> None:
    url = another_home.endpoints.databases["scoring"]
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        assert (await run_sql(url, f"show {setting}"))[0][0] == "on"


async def test_no_service_can_enter_the_database_of_another(stack: LocalStack) -> None:
    profile_as_scoring = stack.endpoints.databases["scoring"].rpartition("/")[0] + "/profile"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(profile_as_scoring)


async def test_topics_do_not_appear_by_a_misspelt_name(stack: LocalStack) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.endpoints.kafka)
    await admin.start()
    try:
        config = await admin.describe_cluster()
        assert len(config["brokers"]) == 1
        await admin.describe_topics(["careline.misspelt.v1"])
        assert "careline.misspelt.v1" not in await admin.list_topics()
    finally:
        await admin.close()


def test_endpoints_file_names_everything_and_is_private(stack: LocalStack) -> None:
    path = stack.home.endpoints_file
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    written = json.loads(path.read_text())
    services = {"ingest", "profile", "scoring", "engagement", "ticketing"}
    assert set(written) == services | {"kafka", "databases", "valkey"}
    assert set(written["databases"]) == services - {"ingest"}, "the edge keeps nothing"
    assert all(written[name].startswith("http://127.0.0.1:") for name in services)
    assert written["kafka"] == f"127.0.0.1:{stack.kafka.port}"


def test_two_homes_run_side_by_side(stack: LocalStack, another_home: LocalStack) -> None:
    theirs, ours = another_home.endpoints, stack.endpoints
    assert not set(theirs.services.values()) & set(ours.services.values())
    assert {theirs.kafka, theirs.valkey}.isdisjoint({ours.kafka, ours.valkey})
    another_home.stop()
    assert not any(server.is_running for server in another_home.servers)
    assert all(server.is_running for server in stack.servers)


async def create_topic(bootstrap_servers: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()


async def send(bootstrap_servers: str, topic: str, value: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all") as producer:
        await producer.send_and_wait(topic, value)


async def first_message(bootstrap_servers: str, topic: str) -> bytes:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest"
    )
    async with consumer:
        message = await consumer.getone()
        assert message.value is not None
        return bytes(message.value)


async def run_sql(url: str, statement: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(statement))
    finally:
        await connection.close()
