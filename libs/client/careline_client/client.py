"""The client that awaits. `sync.py` is its twin: what they share is not here."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from typing import Self

import httpx

from careline_client.batches import Batch, Cutter, E, batches
from careline_client.delivery import (
    PATH,
    PATIENCE_SECONDS,
    Answer,
    Delivery,
    Pause,
    Post,
    connection,
)
from careline_client.events import Event
from careline_client.verdicts import NotSent, Verdict


class CarelineClient:
    """A connection to ingest that waits out restarts and back-pressure; use it as a context.

    `key` is a channel system's, or `signing` its name and secret. `say` hears in words why it
    waits. Calls at the same time are independent of each other; within one, order is kept.
    """

    def __init__(
        self,
        ingest_url: str,
        *,
        key: str = "",
        signing: tuple[str, str] | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
        say: Callable[[str], None] = lambda _: None,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._http = httpx.AsyncClient(**connection(ingest_url, key, signing), transport=transport)
        self._delivery = Delivery(patience_seconds)
        self._say = say
        self._sleep = sleep

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def publish(self, event: Event) -> Verdict:
        """What ingest says about the event; raises `NotSent`."""
        [verdict] = await self.publish_all([event])
        return verdict

    async def publish_all(self, events: Iterable[Event] | AsyncIterable[Event]) -> list[Verdict]:
        """A verdict for each event, in order; raises `NotSent`."""
        verdicts: list[Verdict] = []
        try:
            async for _, verdict in self.stream(events):
                verdicts.append(verdict)
        except NotSent as error:
            error.verdicts = verdicts
            raise
        return verdicts

    async def stream(
        self, events: Iterable[E] | AsyncIterable[E]
    ) -> AsyncIterator[tuple[E, Verdict]]:
        """Each event with its verdict, in order, holding one batch at a time; raises `NotSent`."""
        async for batch in _batches(events):
            for step in self._delivery.deliver(batch):
                if isinstance(step, Post):
                    step.answer = await self._post(step.body)
                elif isinstance(step, Pause):
                    self._say(step.reason)
                    await self._sleep(step.seconds)
                else:
                    for settled in step:
                        yield settled

    async def _post(self, body: bytes) -> Answer:
        try:
            return await self._http.post(PATH, content=body)
        except httpx.RequestError as error:
            return error


async def _batches(events: Iterable[E] | AsyncIterable[E]) -> AsyncIterator[Batch[E]]:
    if not isinstance(events, AsyncIterable):
        for batch in batches(events):
            yield batch
        return
    cutter = Cutter[E]()
    async for event in events:
        if full := cutter.add(event):
            yield full
    if rest := cutter.rest():
        yield rest
