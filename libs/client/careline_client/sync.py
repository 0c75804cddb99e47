"""The client that blocks, for code that does not await: the same promises, the same answers."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Self

import httpx

from careline_client.batches import E, batches
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
    """The twin of `careline_client.CarelineClient`, to be read there; threads may share one."""

    def __init__(
        self,
        ingest_url: str,
        *,
        key: str = "",
        signing: tuple[str, str] | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
        say: Callable[[str], None] = lambda _: None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = httpx.Client(**connection(ingest_url, key, signing), transport=transport)
        self._delivery = Delivery(patience_seconds)
        self._say = say
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def publish(self, event: Event) -> Verdict:
        """What ingest says about the event; raises `NotSent`."""
        [verdict] = self.publish_all([event])
        return verdict

    def publish_all(self, events: Iterable[Event]) -> list[Verdict]:
        """A verdict for each event, in order; raises `NotSent`."""
        verdicts: list[Verdict] = []
        try:
            for _, verdict in self.stream(events):
                verdicts.append(verdict)
        except NotSent as error:
            error.verdicts = verdicts
            raise
        return verdicts

    def stream(self, events: Iterable[E]) -> Iterator[tuple[E, Verdict]]:
        """Each event with its verdict, in order, holding one batch at a time; raises `NotSent`."""
        for batch in batches(events):
            for step in self._delivery.deliver(batch):
                if isinstance(step, Post):
                    step.answer = self._post(step.body)
                elif isinstance(step, Pause):
                    self._say(step.reason)
                    self._sleep(step.seconds)
                else:
                    yield from step

    def _post(self, body: bytes) -> Answer:
        try:
            return self._http.post(PATH, content=body)
        except httpx.RequestError as error:
            return error
