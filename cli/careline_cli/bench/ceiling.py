"""What the pipeline is measured against: FastStream, one message at a time, that does nothing.

Two of them. The ceiling is FastStream as its tutorial starts it: with the default logger, which
writes two lines about each message (here to /dev/null). The quiet ceiling is the same subscriber
with `logger=None`: what is left when somebody who knows has turned the log off.

Run as a process of its own: `python -m careline_cli.bench.ceiling BOOTSTRAP TOPIC COUNT [quiet]`
reads COUNT records of TOPIC and writes the events per second between the first and the last to
stderr; stdout is FastStream's log.
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


async def consume(broker: KafkaBroker, topic: str, count: int, *, group: str) -> float:
    """Events per second of the subscriber that every FastStream tutorial starts with."""
    seen, started, done = 0, 0.0, asyncio.Event()

    @broker.subscriber(topic, group_id=group, auto_offset_reset="earliest")
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


def main(bootstrap_servers: str, topic: str, count: str, mode: str = "default") -> None:
    if mode == "quiet":
        broker = KafkaBroker(bootstrap_servers, logger=None)
    else:
        broker = KafkaBroker(bootstrap_servers)
    rate = uvloop.run(consume(broker, topic, int(count), group=f"careline.bench.{mode}"))
    sys.stderr.write(f"{rate:.0f}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
