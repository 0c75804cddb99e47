"""What the pipeline is measured against: FastStream, one message at a time, that does nothing.

Run as a process of its own: `python -m careline_cli.bench.ceiling BOOTSTRAP TOPIC COUNT` reads
COUNT records of TOPIC and prints the events per second between the first and the last.
"""

import asyncio
import sys
import time

import uvloop
from faststream.kafka import KafkaBroker
from pydantic import BaseModel


class Body(BaseModel):
    """About what a touchpoint holds."""

    channel: str
    amount_minor: int
    currency: str
    items: int


async def consume(bootstrap_servers: str, topic: str, count: int) -> float:
    """Events per second of the subscriber that every FastStream tutorial starts with."""
    broker = KafkaBroker(bootstrap_servers, logger=None)
    seen, started, done = 0, 0.0, asyncio.Event()

    @broker.subscriber(topic, group_id="careline.bench.ceiling", auto_offset_reset="earliest")
    async def nothing(body: Body) -> None:
        nonlocal seen, started
        if seen == 0:
            started = time.perf_counter()
        seen += 1
        if seen == count:
            done.set()

    async with broker:
        await broker.start()
        await asyncio.wait_for(done.wait(), timeout=300)
    return (count - 1) / (time.perf_counter() - started)


if __name__ == "__main__":
    rate = uvloop.run(consume(sys.argv[1], sys.argv[2], int(sys.argv[3])))
    sys.stdout.write(f"{rate:.0f}\n")
