"""The log as it is: everything on the topics that engagement hears, up to now."""

from collections.abc import AsyncIterator, Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRecord

from careline_runtime.kafka_access import client_options

FETCH_MILLISECONDS = 1_000


async def records(
    bootstrap_servers: str, topics: Sequence[str]
) -> AsyncIterator[list[ConsumerRecord]]:
    """Every record from the first that is kept to the last that is there now, in batches."""
    consumer = AIOKafkaConsumer(
        *topics, **client_options(bootstrap_servers), auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        partitions = consumer.assignment()
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(place) < ends[place] for place in partitions]):
            for batch in (await consumer.getmany(timeout_ms=FETCH_MILLISECONDS)).values():
                yield batch
    finally:
        await consumer.stop()
