"""Where a partition is read on, whatever Kafka has done to its log."""

import asyncio

import pytest
import structlog
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.consumer.fetcher import Fetcher
from faststream.kafka import KafkaBroker
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from careline_contracts.topics import ACTIVITIES
from careline_localstack import LocalStack
from careline_runtime import consumer as consumer_module
from careline_runtime import inbox, metrics
from careline_runtime.consumer import Consumer
from careline_runtime.database import create_engine
from careline_runtime.errors import Misconfigured
from careline_runtime.publisher import partition_hash
from careline_runtime.settings import ServiceSettings
from tests.runtime.echo import Echo, publish, published, running
from tests.waiting import until


async def run_sql(database_url: str, statement: str) -> None:
    engine = create_engine(database_url, service="test")
    async with engine.begin() as connection:
        await connection.execute(text(statement))
    await engine.dispose()


def echoes(*numbers: int) -> list[str]:
    return sorted(f"echo-e{n}" for n in numbers)


def test_the_client_still_has_the_pause_that_a_consumer_makes_longer() -> None:
    """It is the client's own: a release that names it otherwise would bring back its stalls."""
    assert "_prefetch_backoff" in Fetcher.__init__.__code__.co_names


@pytest.mark.stack
async def test_events_that_take_the_offsets_of_lost_ones_are_handled_and_no_other_twice(
    stack: LocalStack, echo: Echo, database_url: str
) -> None:
    shortened = metrics.total(metrics.logs_shortened)
    await publish(stack, [echo.visit(n) for n in range(30)])
    async with running(echo.service(stack, database_url)):
        await published(stack, echo.outlet.name, 30)
    # as after a crash of the machine, in which the broker lost what the database had made durable
    await run_sql(database_url, "UPDATE consumer_offsets SET next_offset = next_offset + 50")
    await publish(stack, [echo.visit(n) for n in range(30, 40)])
    async with running(echo.service(stack, database_url)):
        out = await published(stack, echo.outlet.name, 40)
    assert sorted(id for _, id in out) == echoes(*range(40))
    assert metrics.total(metrics.logs_shortened) - shortened == 3


@pytest.mark.stack
async def test_what_retention_deleted_before_it_was_read_is_counted(
    stack: LocalStack, echo: Echo, database_url: str, kafka_admin: AIOKafkaAdminClient
) -> None:
    expired = metrics.total(metrics.events_expired)
    of_one_customer = range(0, 70, 7)
    await publish(stack, [echo.visit(n) for n in of_one_customer])
    place = TopicPartition(echo.inlet.name, partition_hash("C0") % 3)
    await kafka_admin.delete_records({place: RecordsToDelete(9)})
    async with running(echo.service(stack, database_url)):
        out = await published(stack, echo.outlet.name, 1)
    assert [id for _, id in out] == echoes(of_one_customer[-1])
    assert metrics.total(metrics.events_expired) - expired == 9


@pytest.mark.stack
async def test_a_service_that_can_never_place_its_partitions_ends_with_the_reason(
    stack: LocalStack, echo: Echo, database_url: str
) -> None:
    await run_sql(database_url, "ALTER TABLE consumer_offsets RENAME TO elsewhere")
    with pytest.raises(Misconfigured, match="partitions can't be placed"):
        await asyncio.wait_for(echo.service(stack, database_url).serve(), timeout=30)


@pytest.mark.stack
async def test_kafka_hears_how_far_a_service_is_now_and_then_and_when_it_stops(
    stack: LocalStack,
    echo: Echo,
    database_url: str,
    kafka_admin: AIOKafkaAdminClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def committed() -> int:
        offsets = await kafka_admin.list_consumer_group_offsets("careline.scoring")
        return sum(told.offset for place, told in offsets.items() if place.topic == echo.inlet.name)

    async def are_committed() -> bool:
        return await committed() == 10

    monkeypatch.setattr(consumer_module, "COMMIT_SECONDS", 0.05)
    async with running(echo.service(stack, database_url)):
        await publish(stack, [echo.visit(n) for n in range(10)])
        await until(are_committed)
        monkeypatch.setattr(consumer_module, "COMMIT_SECONDS", 3600)
        await publish(stack, [echo.visit(n) for n in range(10, 30)])
        await published(stack, echo.outlet.name, 30)
    assert await committed() == 30


@pytest.mark.stack
async def test_who_passes_offsets_learns_what_another_instance_had_handled_meanwhile(
    database_url: str,
) -> None:
    one, other = (ACTIVITIES.name, 0), (ACTIVITIES.name, 1)
    engine = create_engine(database_url, service="test")
    async with engine.connect() as first, engine.connect() as second:
        assert await inbox.pass_offsets(first, {one: 10}) == {one: 0}
        waiting = asyncio.create_task(inbox.pass_offsets(second, {other: 5, one: 7}))
        await asyncio.wait([waiting], timeout=0.1)
        assert not waiting.done()
        await first.commit()
        assert await waiting == {one: 10, other: 0}
        await second.commit()
        assert await inbox.lock_offsets(first, [one, other]) == {one: 10, other: 5}
    await engine.dispose()


class Settles:
    """A stage that does nothing, or fails."""

    units_a_poll = 1

    def __init__(self, failure: Exception | None = None) -> None:
        self._failure = failure

    async def settle(self, records: object) -> None:
        if self._failure is not None:
            raise self._failure


def a_consumer(
    stage: Settles, engine: AsyncEngine | None = None, *, rest_seconds: float = 0.0
) -> Consumer:
    return Consumer(
        KafkaBroker(logger=None),
        [ACTIVITIES],
        group="test",
        stage=stage,
        engine=engine,
        settings=ServiceSettings(),
        failed=lambda _: None,
        rest_seconds=rest_seconds,
    )


def a_record(partition: int, offset: int) -> ConsumerRecord:
    return ConsumerRecord(ACTIVITIES.name, partition, offset, 0, 0, b"", b"", None, 0, 0, ())


async def test_a_batch_that_outlived_its_assignment_moves_no_position() -> None:
    consumer = a_consumer(Settles())
    mine, revoked = (ACTIVITIES.name, 0), (ACTIVITIES.name, 1)
    consumer.positions = {mine: 5}
    await consumer.settle([a_record(0, 5), a_record(1, 7)])
    assert revoked not in consumer.positions
    assert consumer.positions[mine] == 6


@pytest.mark.stack
async def test_a_log_that_goes_back_while_it_is_read_takes_the_database_with_it(
    database_url: str,
) -> None:
    place = (ACTIVITIES.name, 0)
    engine = create_engine(database_url, service="test")
    consumer = a_consumer(Settles(), engine)
    async with engine.begin() as connection:
        await inbox.lock_offsets(connection, [place])
        await inbox.set_offsets(connection, {place: 40})
    consumer.positions = {place: 40}
    await consumer.settle([a_record(0, 3), a_record(0, 4)])
    async with engine.begin() as connection:
        assert await inbox.lock_offsets(connection, [place]) == {place: 3}
    assert consumer.positions == {place: 5}
    await engine.dispose()


async def test_a_batch_that_no_stage_can_settle_is_told_before_it_is_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(consumer_module, "PAUSE_AFTER_A_FAILURE_SECONDS", 0)
    with structlog.testing.capture_logs() as logs, pytest.raises(RuntimeError):
        await a_consumer(Settles(RuntimeError("a bug"))).settle([a_record(0, 5)])
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["batch.failed"]


async def test_timers_wait_while_polls_come_full_but_no_longer_than_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CARELINE_BATCH_MAX_RECORDS", "2")
    consumer = a_consumer(Settles())
    await consumer.caught_up(within_seconds=60)
    await consumer.settle([a_record(0, 5), a_record(0, 6)])
    waiting = asyncio.create_task(consumer.caught_up(within_seconds=60))
    await consumer.caught_up(within_seconds=0.01)
    assert not waiting.done()
    await consumer.settle([a_record(0, 7)])
    await asyncio.wait_for(waiting, timeout=5)


class Waiting:
    """A client for whom so many records wait at each poll."""

    def __init__(self, *counts: int) -> None:
        self._counts = iter(counts)

    async def getmany(self, **_: int) -> dict[TopicPartition, list[ConsumerRecord]]:
        place = TopicPartition(ACTIVITIES.name, 0)
        return {place: [a_record(0, offset) for offset in range(next(self._counts))]}


async def test_who_can_rest_polls_on_after_a_full_poll_and_rests_after_a_small_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CARELINE_BATCH_MAX_RECORDS", "2")
    consumer, client = a_consumer(Settles(), rest_seconds=60), Waiting(2, 1, 1)
    assert [len(await consumer.poll(client)) for _ in range(2)] == [2, 1]
    resting = asyncio.create_task(consumer.poll(client))
    await asyncio.wait([resting], timeout=0.1)
    assert not resting.done()
    resting.cancel()
