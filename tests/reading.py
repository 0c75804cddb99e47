"""Reads topics from their first record to their last."""

from collections.abc import AsyncIterator, Iterable

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from careline_contracts.topics import Topic


async def records_on(kafka: str, topics: Iterable[Topic]) -> AsyncIterator[ConsumerRecord]:
    """Every record that is on these topics now, in order of offset within a partition."""
    partitions = [TopicPartition(t.name, number) for t in topics for number in range(t.partitions)]
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka,
        enable_auto_commit=False,
        # nothing more is to come: Kafka would hold each look at an end of a partition for half a
        # second, and what lies in the other partitions with it
        fetch_max_wait_ms=1,
    )
    await consumer.start()
    try:
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(p) < ends[p] for p in partitions]):
            for records in (await consumer.getmany(timeout_ms=1_000)).values():
                for record in records:
                    yield record
    finally:
        await consumer.stop()
