"""One batch, one transaction: effects, timers and what is said, or nothing of it.

Nobody commits but the runtime, and publishing means adding to the unit.
"""

from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from aiokafka import ConsumerRecord
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_contracts.envelope import Envelope, Record, begin_trace, to_headers
from careline_contracts.payload import Payload
from careline_contracts.topics import Topic
from careline_runtime import inbox, metrics, outbox, timers
from careline_runtime.dead_letter import dead_letter

Place = tuple[str, int, int]
"""Topic, partition and offset: where a record lies."""


class Cause(Protocol):
    """What led to something that is said: mostly an event that was heard, with its envelope."""

    @property
    def id(self) -> str: ...
    @property
    def traceparent(self) -> str: ...


class Unit:
    """What a handler works in. `connection` is the transaction; the rest is saved at its end."""

    def __init__(
        self, connection: AsyncConnection, *, service: str, passed: datetime | None = None
    ) -> None:
        self.connection = connection
        self.passed = passed
        """Of a unit of timers: the instant that the clock has passed; all until then may be done
        at once."""
        self.row: int | None = None
        """Where the outbox holds what was said, once saved."""
        self._service = service
        self._source = f"/careline/{service}"
        self._records: list[Record] = []
        self._timers: dict[timers.TimerKey, datetime | None] = {}
        self._wakes: dict[timers.TimerKey, datetime] = {}
        self._refused: set[Place] = set()
        self._after_commit: list[Callable[[], None]] = []

    def say(
        self,
        topic: Topic,
        payload: Payload,
        *,
        key: str,
        id: str,
        recorded_at: datetime,
        type: str | None = None,
        occurred_at: datetime | None = None,
        cause: Cause | None = None,
        subject: str = "",
    ) -> None:
        """Publishes once the unit commits. `id` must be the same on every replay of the input.

        `recorded_at` is the as-of of the decision; `cause` hands on its id and trace. What
        has no cause begins a trace.
        """
        envelope = Envelope(
            id=id,
            source=self._source,
            type=type or payload.type,
            occurred_at=occurred_at or recorded_at,
            recorded_at=recorded_at,
            key=key,
            subject=subject,
            causation_id=cause.id if cause else "",
            traceparent=(cause.traceparent if cause else "") or begin_trace(self._source, id),
        )
        self._records.append(Record(topic.name, key, to_headers(envelope), payload.to_json()))

    async def has_seen(self, event: Envelope) -> bool:
        """Whether this event was handled before; from now on it was."""
        return bool(await inbox.remember(self.connection, [event.event_key]))

    def erase(self, topic: Topic, key: str) -> None:
        """The compacted `topic` forgets this key: a tombstone, published once the unit commits."""
        assert topic.kind == "state", topic.name
        self._records.append(Record(topic.name, key, [], None))

    def set_timer(self, kind: str, key: str, due_at: datetime | None) -> None:
        """The one timer of this kind and key fires at `due_at`; None removes it."""
        self._timers[kind, key] = due_at

    def wake(self, kind: str, key: str, by: datetime) -> None:
        """The timer of this kind and key fires at `by`, or earlier if it would have anyway.

        Who knows only that something may have changed so needn't know what else it waits for.
        """
        self._wakes[kind, key] = min(by, self._wakes.get((kind, key), by))

    def drop_timers(self, keys: Collection[str]) -> None:
        """Timers that this unit has set for these keys are not to be, of whatever kind."""
        for kind, key in [*self._timers, *self._wakes]:
            if key in keys:
                self._timers[kind, key] = None
                self._wakes.pop((kind, key), None)

    def refuse(
        self, record: ConsumerRecord, reason: str, detail: str, *, attempts: int = 1
    ) -> None:
        """Puts a record aside, whole, with its reason; it was not handled and may come again."""
        topic = record.topic
        self._refused.add((topic, record.partition, record.offset))
        self.after_commit(lambda: metrics.dead_letters.labels(topic, reason).inc())
        self._records.append(
            dead_letter(record, self._service, reason=reason, detail=detail, attempts=attempts)
        )

    def has_refused(self, record: ConsumerRecord) -> bool:
        """Whether `record` was put aside in this unit."""
        return (record.topic, record.partition, record.offset) in self._refused

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Runs once the unit is durable: where metrics are counted."""
        self._after_commit.append(callback)

    @property
    def earliest_timer(self) -> datetime | None:
        """The first instant at which something that this unit set will be due."""
        instants = [*self._timers.values(), *self._wakes.values()]
        return min((due for due in instants if due is not None), default=None)

    @property
    def said(self) -> list[Record]:
        """What will be published, in order."""
        return self._records

    async def save(self) -> None:
        """Writes timers and outbox; called by the runtime when the handler is done."""
        if self._timers:
            await timers.save(self.connection, self._timers)
        if self._wakes:
            await timers.wake(self.connection, self._wakes)
        if self._records:
            self.row = await outbox.write(self.connection, self._records)

    def committed(self) -> None:
        """Called by the runtime after the commit."""
        # a callback that knows its unit would keep the whole batch for the garbage collector
        callbacks, self._after_commit = self._after_commit, []
        for callback in callbacks:
            callback()


Work = Callable[[], AbstractAsyncContextManager[Unit]]
"""How an API that changes something gets a unit of its own."""
