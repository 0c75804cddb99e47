"""What the edge is measured against: aiokafka's bare `send` of the very records ingest published.

The same keys, headers and values, as many partitions, acks=all, idempotent, batches as large, one
process on the same event loop: what is left out is all that ingest does before it publishes.

Run as a process of its own: `python -m careline_cli.bench.send BOOTSTRAP FROM TO COUNT` reads COUNT
records of topic FROM, sends them to topic TO, and writes as JSON how many a second that were, and
how many µs of CPU time each took.
"""

import asyncio
import json
import sys
import time
from itertools import chain

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord

from careline_cli.bench.measure import Pace
from careline_runtime.publisher import BATCH_BYTES


async def first_records(bootstrap_servers: str, topic: str, count: int) -> list[ConsumerRecord]:
    """`count` records of `topic`."""
    found: list[ConsumerRecord] = []
    async with AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest"
    ) as consumer:
        while len(found) < count:
            batches = await consumer.getmany(timeout_ms=1_000)
            found += chain.from_iterable(batches.values())
    return found[:count]


async def send(bootstrap_servers: str, source: str, target: str, count: int) -> Pace:
    """The pace at which `send` publishes to `target` what `source` holds."""
    records = await first_records(bootstrap_servers, source, count)
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers,
        acks="all",
        enable_idempotence=True,
        linger_ms=5,
        max_batch_size=BATCH_BYTES,
    ) as producer:
        await producer.partitions_for(target)
        used, started = time.process_time(), time.perf_counter()
        sent = [
            await producer.send(target, r.value, key=r.key, headers=list(r.headers))
            for r in records
        ]
        await asyncio.gather(*sent)
        seconds, used = time.perf_counter() - started, time.process_time() - used
    return Pace(count / seconds, 1e6 * used / count)


def main(bootstrap_servers: str, source: str, target: str, count: str) -> None:
    pace = uvloop.run(send(bootstrap_servers, source, target, int(count)))
    json.dump(pace._asdict(), sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
