"""Follows the requests of its channels and answers: `python -m outreach_adapter people.json sms`.

Environment: KAFKA_BOOTSTRAP_SERVERS, INGEST, CARELINE_KEY, SMTP (`host:port`), WEBHOOK.
`people.json`: `{"C7F3K2M9QX4TB": {"name": "…", "email": "…"}}`.
"""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from aiokafka import AIOKafkaConsumer

from careline_client import CarelineClient
from careline_contracts.envelope import from_headers
from careline_contracts.events.engagement import OutreachRequested
from careline_contracts.topics import OUTREACH_BY_CHANNEL
from outreach_adapter.delivery import Adapter, Person, Sent


def people_in(file: Path) -> dict[str, Person]:
    """Who the customers are."""
    return {number: Person(**one) for number, one in json.loads(file.read_text("utf-8")).items()}


async def main(known: dict[str, Person], remembered: Path, channels: Sequence[str]) -> None:
    """Delivers what is asked of these channels and answers, for ever."""
    host, _, port = os.environ.get("SMTP", "127.0.0.1:25").partition(":")
    adapter = Adapter(
        person_of=known.get,
        smtp=(host, int(port)),
        sender="care@careline.example",
        webhook=os.environ.get("WEBHOOK", "http://127.0.0.1:9000/outreach"),
        sent=Sent(remembered),
    )
    consumer = AIOKafkaConsumer(
        *(OUTREACH_BY_CHANNEL[channel].name for channel in channels),
        bootstrap_servers=os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092"),
        group_id="outreach-adapter",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        async with CarelineClient(os.environ["INGEST"], key=os.environ["CARELINE_KEY"]) as client:
            async for record in consumer:
                envelope = from_headers(record.headers)
                request = OutreachRequested.parse(record.value)
                answers = await asyncio.to_thread(
                    list, adapter.deliver(envelope.id, request, datetime.now(UTC))
                )
                await client.publish_all(answers)
                # only now: what was taken and not answered comes again
                await consumer.commit()
    finally:
        await consumer.stop()


if __name__ == "__main__":
    file = Path(sys.argv[1])
    asyncio.run(main(people_in(file), file.with_suffix(".sent"), sys.argv[2:]))
