"""Cuts a stream of events into batches that ingest takes, in order, holding one batch."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

from careline_client.events import Event

MAX_BATCH_EVENTS = 1_000
MAX_BATCH_BYTES = 4_000_000
"""Ingest takes 1,000 events and 5 MB at a time; one event that is larger goes alone."""

E = TypeVar("E", bound=Event)


class Batch(NamedTuple, Generic[E]):
    """Events that travel together, each also as it is sent."""

    events: Sequence[E]
    encoded: Sequence[bytes]
    following: Sequence[E] = ()
    """Taken from the stream with them, because it did not fit any more."""


class Cutter(Generic[E]):
    """Collects events until a batch is full."""

    def __init__(self) -> None:
        self._events: list[E] = []
        self._encoded: list[bytes] = []
        self._bytes = len("[")

    def add(self, event: E) -> Batch[E] | None:
        """Takes the event; returns the batch that is full now, if one is."""
        encoded = event.to_json()
        full = None
        if self._bytes + len(encoded) + 1 > MAX_BATCH_BYTES:
            full = self.rest(following=(event,))
        self._events.append(event)
        self._encoded.append(encoded)
        self._bytes += len(encoded) + len(",")
        return self.rest() if len(self._events) == MAX_BATCH_EVENTS else full

    def rest(self, following: Sequence[E] = ()) -> Batch[E] | None:
        """What is collected, if anything, and begins anew."""
        batch = Batch(self._events, self._encoded, following) if self._events else None
        self._events, self._encoded, self._bytes = [], [], len("[")
        return batch


def batches(events: Iterable[E]) -> Iterator[Batch[E]]:
    """The events in batches, each as soon as it is full."""
    cutter = Cutter[E]()
    for event in events:
        if batch := cutter.add(event):
            yield batch
    if batch := cutter.rest():
        yield batch
