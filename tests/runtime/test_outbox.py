"""What units said gets out in their order, whoever publishes and however often one dies."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Sequence

import pytest
from aiokafka import AIOKafkaConsumer
from prometheus_client import REGISTRY
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from careline_contracts.envelope import Record
from careline_contracts.topics import REMINDERS
from careline_localstack import LocalStack
from careline_runtime import outbox
from careline_runtime.outbox import Relay
from careline_runtime.publisher import Publisher
from careline_runtime.setup import create_topics
from tests.runtime.by_hand import fresh_database
from tests.waiting import until

pytestmark = pytest.mark.stack

LEADERS = text("""
    SELECT pid FROM pg_locks
    WHERE locktype = 'advisory' AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
""")

UNREADABLE = text("UPDATE outbox SET records = 'unreadable' WHERE id = :row")


class Customer:
    """One customer, of whom numbered things are said."""

    def __init__(self, engine: AsyncEngine, consumer: AIOKafkaConsumer) -> None:
        self.key = uuid.uuid4().hex
        self._engine = engine
        self._consumer = consumer
        self._said = 0

    async def says(self, count: int) -> None:
        """Adds `count` units to the outbox."""
        for _ in range(count):
            record = Record(REMINDERS.name, self.key, [], str(self._said).encode())
            async with self._engine.begin() as connection:
                await outbox.write(connection, [record])
            self._said += 1

    async def says_through(self, relay: Relay) -> None:
        """Adds a unit that only the memory of the relay's process can publish."""
        record = Record(REMINDERS.name, self.key, [], str(self._said).encode())
        async with self._engine.begin() as connection:
            row = await outbox.write(connection, [record])
            await connection.execute(UNREADABLE, {"row": row})
            # before the commit only here: the relay can't come between
            relay.hand_over(row, [record])
        relay.wake()
        self._said += 1

    async def heard(self, *, until: int) -> list[int]:
        """What was published, in order, up to the number `until`."""
        found: list[int] = []
        async with asyncio.timeout(30):
            while not found or found[-1] != until:
                record = await self._consumer.getone()
                if record.key == self.key.encode():
                    found.append(int(record.value))
        return found


@pytest.fixture
async def engine(admin_url: str) -> AsyncIterator[AsyncEngine]:
    async with fresh_database(admin_url) as engine:
        yield engine


@pytest.fixture
async def customer(stack: LocalStack, engine: AsyncEngine) -> AsyncIterator[Customer]:
    await create_topics(stack.endpoints.kafka, replication=1)
    consumer = AIOKafkaConsumer(REMINDERS.name, bootstrap_servers=stack.endpoints.kafka)
    await consumer.start()
    await consumer.seek_to_end()
    yield Customer(engine, consumer)
    await consumer.stop()


class HeldUp(Publisher):
    """A publisher that is on its way until it may go on."""

    def __init__(self, bootstrap_servers: str) -> None:
        super().__init__(bootstrap_servers, client_id="test")
        self.is_on_its_way, self.may_go_on = asyncio.Event(), asyncio.Event()

    async def publish(self, records: Sequence[Record]) -> None:
        self.is_on_its_way.set()
        await self.may_go_on.wait()
        await super().publish(records)


@contextlib.asynccontextmanager
async def relaying(
    engine: AsyncEngine, bootstrap_servers: str, publisher: Publisher | None = None
) -> AsyncIterator[Relay]:
    """An instance's relay; it shares the database with others."""
    publisher = publisher or Publisher(bootstrap_servers, client_id="test")
    relay = Relay(engine, publisher)
    await relay.start()
    yield relay
    await relay.stop()
    await publisher.stop()


async def leaders(engine: AsyncEngine) -> list[int]:
    async with engine.connect() as connection:
        return list((await connection.execute(LEADERS)).scalars())


async def is_empty(engine: AsyncEngine) -> bool:
    async with engine.connect() as connection:
        return not (await connection.execute(text("SELECT count(*) FROM outbox"))).scalar_one()


async def test_what_an_earlier_life_left_goes_out_before_anything_new(
    stack: LocalStack, engine: AsyncEngine, customer: Customer
) -> None:
    left = 3 * outbox.ROWS_A_READ
    await customer.says(left)
    async with relaying(engine, stack.endpoints.kafka) as relay:
        await customer.says(2)
        relay.wake()
        assert await customer.heard(until=left + 1) == list(range(left + 2))
        await until(lambda: is_empty(engine))


async def test_what_its_own_process_committed_is_not_read_and_others_rows_keep_their_place(
    stack: LocalStack, engine: AsyncEngine, customer: Customer
) -> None:
    async with relaying(engine, stack.endpoints.kafka) as relay:
        await customer.says(1)
        assert await customer.heard(until=0) == [0]
        for _ in range(2 * outbox.UNITS_IN_MEMORY):
            await customer.says(1)
            await customer.says_through(relay)
            await until(lambda: is_empty(engine))
        last = 4 * outbox.UNITS_IN_MEMORY
        assert await customer.heard(until=last) == list(range(1, last + 1))


async def test_a_lane_that_commits_while_a_later_row_is_on_its_way_is_not_read_either(
    stack: LocalStack, engine: AsyncEngine, customer: Customer
) -> None:
    publisher = HeldUp(stack.endpoints.kafka)
    record = Record(REMINDERS.name, customer.key, [], b"1")
    async with relaying(engine, stack.endpoints.kafka, publisher) as relay:
        async with engine.begin() as slower:
            row = await outbox.write(slower, [record])
            await slower.execute(UNREADABLE, {"row": row})
            await customer.says(1)
            relay.wake()
            await publisher.is_on_its_way.wait()
        relay.hand_over(row, [record])
        publisher.may_go_on.set()
        assert await customer.heard(until=1) == [0, 1]
        await until(lambda: is_empty(engine))


async def test_a_second_relay_waits_and_takes_over_when_the_first_one_s_session_ends(
    stack: LocalStack, engine: AsyncEngine, customer: Customer
) -> None:
    async with relaying(engine, stack.endpoints.kafka) as first:
        await customer.says(1)
        assert await customer.heard(until=0) == [0]
        [leader] = await leaders(engine)
        async with relaying(engine, stack.endpoints.kafka) as second:
            second.wake()
            await customer.says(3)
            second.wake()
            first.wake()
            assert await customer.heard(until=3) == [1, 2, 3]
            assert await leaders(engine) == [leader]
            await first.stop()
            await customer.says(1)
            assert await customer.heard(until=4) == [4]
            [successor] = await leaders(engine)
            assert successor != leader


async def test_order_holds_across_two_relays_whose_sessions_break(
    stack: LocalStack, engine: AsyncEngine, customer: Customer
) -> None:
    breaks, between = 6, 40
    async with (
        relaying(engine, stack.endpoints.kafka) as one,
        relaying(engine, stack.endpoints.kafka) as other,
    ):
        for _ in range(breaks):
            await customer.says(between)
            one.wake()
            other.wake()
            await until(lambda: has_leader(engine))
            async with engine.connect() as connection:
                for leader in await leaders(engine):
                    await connection.execute(
                        text("SELECT pg_terminate_backend(:pid)"), {"pid": leader}
                    )
        await customer.says(1)
        found = await customer.heard(until=breaks * between)
        await until(lambda: is_empty(engine))
    # who dies between publishing and deleting leaves rows to be said again, and none out of order
    assert list(dict.fromkeys(found)) == list(range(breaks * between + 1))


async def has_leader(engine: AsyncEngine) -> bool:
    return bool(await leaders(engine))


async def test_what_waits_is_counted_whole_and_with_its_age(
    stack: LocalStack, engine: AsyncEngine, customer: Customer
) -> None:
    waiting = 2 * outbox.ROWS_A_READ
    await customer.says(waiting)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE outbox SET written_at = now() - interval '1 hour'"))

    async def is_reported() -> bool:
        return REGISTRY.get_sample_value("careline_outbox_pending_units") == waiting

    async with relaying(engine, "127.0.0.1:1"):
        await until(is_reported)
        assert (REGISTRY.get_sample_value("careline_outbox_oldest_seconds") or 0) >= 3600

    async def is_quiet() -> bool:
        names = ("careline_outbox_pending_units", "careline_outbox_oldest_seconds")
        return all(REGISTRY.get_sample_value(name) == 0 for name in names)

    async with relaying(engine, stack.endpoints.kafka):
        await until(is_quiet)
        assert await is_empty(engine)
