"""A made-up channel system: it delivers outreach and says what came of it.

What became of a request is drawn from the request's id, so that every run gives the same answers.
"""

import heapq
import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from aiokafka import AIOKafkaConsumer

from careline_cli.synthetic import SOURCE
from careline_client import Event, event
from careline_contracts.envelope import Envelope, from_headers
from careline_contracts.events.engagement import OutreachRequested
from careline_contracts.events.touchpoints import OutreachAnswered
from careline_contracts.topics import OUTREACH_REQUESTS
from careline_runtime.kafka_access import client_options

CAUSES = ("price", "a bad delivery", "no time", "moved away", "found another shop")
OFFERS = ("10 % off the next order", "free delivery", "a gift card")
FETCH_MILLISECONDS = 10
TAKEN_ON_SHARE = 0.95
IN_TIME_SHARE = 0.8
REACHED_SHARE = 0.7


class Responder:
    """Follows `outreach-requests`; `due` hands out the answers up to an instant."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._consumer = AIOKafkaConsumer(
            OUTREACH_REQUESTS.name,
            **client_options(bootstrap_servers),
            auto_offset_reset="earliest",
            # the broker answers in order: `listen` would wait behind a fetch for new requests
            fetch_max_wait_ms=FETCH_MILLISECONDS,
        )
        self._answers: list[tuple[datetime, str, Event]] = []
        self.was_asked = False

    async def start(self) -> None:
        await self._consumer.start()

    async def stop(self) -> None:
        await self._consumer.stop()

    async def listen(self) -> None:
        """Takes the requests published so far (called when the pipeline has drained)."""
        partitions = self._consumer.assignment()
        ends = await self._consumer.end_offsets(partitions)
        while any([await self._consumer.position(p) < ends[p] for p in partitions]):
            for records in (await self._consumer.getmany(timeout_ms=50)).values():
                self.was_asked |= bool(records)
                for record in records:
                    request = OutreachRequested.parse(record.value)
                    for answer in _answers(from_headers(record.headers), request):
                        heapq.heappush(self._answers, (answer.occurred_at, answer.id, answer))

    def due(self, until: datetime) -> list[Event]:
        """The answers that happen before `until`, in order of time."""
        found = []
        while self._answers and self._answers[0][0] < until:
            found.append(heapq.heappop(self._answers)[2])
        return found


def _answers(envelope: Envelope, request: OutreachRequested) -> Iterator[Event]:
    chance = random.Random(envelope.id)  # noqa: S311 - a demo, not a secret
    if chance.random() < TAKEN_ON_SHARE:
        delivered = OutreachAnswered(
            request=envelope.id, customer=request.customer, result="delivered"
        )
        taken_on_at = envelope.recorded_at + timedelta(minutes=chance.uniform(1, 90))
        yield event(
            delivered,
            id=f"{envelope.id}-delivered",
            source=f"{SOURCE}outreach",
            occurred_at=taken_on_at,
        )
    hours = chance.uniform(1, 20) if chance.random() < IN_TIME_SHARE else chance.uniform(25, 72)
    reached = chance.random() < REACHED_SHARE
    answer = OutreachAnswered(
        request=envelope.id,
        customer=request.customer,
        result="replied" if reached else "failed",
        cause=chance.choice(CAUSES) if reached else None,
        offer=chance.choice(OFFERS) if reached else None,
    )
    yield event(
        answer,
        id=f"{envelope.id}-answer",
        source=f"{SOURCE}outreach",
        occurred_at=envelope.recorded_at + timedelta(hours=hours),
    )
