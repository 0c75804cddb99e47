"""The log as it is: everything on the topics that engagement hears, up to now."""

from collections.abc import AsyncIterator, Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

FETCH_MILLISECONDS = 1_000


async def records(
    bootstrap_servers: str, topics: Sequence[str]
) -> AsyncIterator[list[ConsumerRecord]]:
    """Every record from the first that is kept to the last that is there now, in batches."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    try:
        partitions = [
            TopicPartition(topic, number)
            for topic in topics
            for number in sorted(
                consumer.partitions_for_topic(topic) or await _known(consumer, topic)
            )
        ]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        await consumer.seek_to_beginning(*partitions)
        while any([await consumer.position(place) < ends[place] for place in partitions]):
            for batch in (await consumer.getmany(timeout_ms=FETCH_MILLISECONDS)).values():
                yield batch
    finally:
        await consumer.stop()


async def _known(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    """Asks the broker for a topic that the consumer hasn't heard of yet."""
    await consumer.topics()
    return set(consumer.partitions_for_topic(topic) or ())
