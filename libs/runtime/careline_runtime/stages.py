"""What happens to a batch: it becomes units of work in PostgreSQL, exactly once in effect.

It waits as long as a server is away. A batch that fails is tried again and bisected, until the
poison record stands alone in the dead letters and the rest has gone on, in order.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

import structlog
from aiokafka import ConsumerRecord
from sqlalchemy.ext.asyncio import AsyncEngine

from careline_runtime import inbox, metrics, timers, tracing
from careline_runtime.batch import Heard, Hears, Poison, read
from careline_runtime.bisecting import bisect, side_by_side
from careline_runtime.dead_letter import Streak
from careline_runtime.errors import InvalidMessage
from careline_runtime.lanes import LANES, lanes
from careline_runtime.unit_of_work import Unit
from careline_runtime.waiting import until_up

log = structlog.get_logger(__name__)

Handle = Callable[[Unit, Sequence[Heard]], Awaitable[None]]
Fire = Callable[[Unit, Sequence[timers.Due]], Awaitable[None]]

DUE_A_UNIT = 500
PUT_OFF_HOURS = 1


class Stage(Protocol):
    """Takes the records of one poll; when it returns, their effects are durable."""

    units_a_poll: int
    """How many times the most events of one unit of work it takes at once."""

    async def settle(self, records: Sequence[ConsumerRecord]) -> None: ...


class _Fired(NamedTuple):
    """What a unit of timers leaves: as many as it may take were due; more may be due already."""

    is_full: bool
    leaves_more: bool


class TransactionalStage:
    """Records and timers handled in PostgreSQL transactions, exactly once in effect.

    Where a poll is more than one unit's worth, two are at work at a time, of different partitions.
    """

    # one a lane: with two, lanes would wait for each other less often, but a longer poll takes
    # memory (docs/performance.md, "Two lanes")
    units_a_poll = LANES

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        service: str,
        hears: Sequence[Hears],
        handle: Handle,
        fire: Fire | None,
        timer_lanes: int,
        most_events: int,
        attempts: int,
        measure_latency: bool,
        streak: Streak,
        committed: Callable[[Unit], None] = lambda _: None,
    ) -> None:
        self._engine = engine
        self._service = service
        self._hears = {h.topic.name: h for h in hears}
        self._handle = handle
        self._fire = fire
        self._timer_lanes = timer_lanes
        self._is_behind = False
        self._most_events = most_events
        self._attempts = attempts
        self._measure_latency = measure_latency
        self._streak = streak
        self._committed = committed
        # timers and events of one customer would wait for each other's row locks anyway
        self._one_at_a_time = asyncio.Lock()

    async def settle(self, records: Sequence[ConsumerRecord]) -> None:
        items = read(records, self._hears)
        if items:
            await bisect(items, self._units, self._give_up, attempts=self._attempts)

    async def fire_due(self, now: datetime) -> bool:
        """Fires timers due by `now` in one unit; returns whether more may be due by then.

        If the unit fails for a reason that waiting can't heal, timers are fired one by one; the one
        that fails alone is put off for an hour, loudly, and the rest go on.
        """
        if self._fire is None:
            return False
        try:
            return await until_up(lambda: self._timer_units(now))
        except Exception as error:
            log.warning("timers.failed", exc_info=error, action="firing them one by one")
        try:
            return await until_up(lambda: self._one_timer(now))
        except Exception as error:
            log.exception("timer.put_off", hours=PUT_OFF_HOURS, error=type(error).__name__)
            return await until_up(lambda: self._put_off(now))

    @contextlib.asynccontextmanager
    async def unit(self) -> AsyncIterator[Unit]:
        """A unit of work for a request: it commits when the block ends, unless by an error.

        It waits for the batch in hand, so that a request never deadlocks with events of the same
        customer; what it says goes out like anything else.
        """
        async with self._one_at_a_time, self._engine.begin() as connection:
            unit = Unit(connection, service=self._service)
            yield unit
            await unit.save()
        self._after(unit)

    async def forget_old(self) -> int:
        """Lets the inbox forget a bounded number of old marks; returns how many (0: all gone)."""
        async with self._engine.begin() as connection:
            return await inbox.forget_old(connection)

    async def _units(self, items: Sequence[Heard | Poison]) -> None:
        """All lanes are over when it returns or fails: what comes next never meets a straggler.

        What one lane has committed while the other failed is dropped when both are tried again.
        """
        async with self._one_at_a_time:
            await side_by_side(self._lane(lane) for lane in lanes(items, most=self._most_events))

    async def _lane(self, units: Sequence[Sequence[Heard | Poison]]) -> None:
        for items in units:
            await self._unit(items)

    async def _unit(self, items: Sequence[Heard | Poison]) -> None:
        started = time.perf_counter()
        with tracing.processing(items, service=self._service):
            tracing.link(item.envelope.traceparent for item in items if isinstance(item, Heard))
            async with self._engine.begin() as connection:
                unit = Unit(connection, service=self._service)
                heard = await self._admit(unit, items)
                if heard:
                    await self._handle(unit, heard)
                    await self._forget_refused(unit, heard)
                await unit.save()
        self._after(unit)
        metrics.unit_seconds.labels("events").observe(time.perf_counter() - started)
        metrics.unit_events.observe(len(items))
        self._count(items, heard)

    async def _admit(self, unit: Unit, items: Sequence[Heard | Poison]) -> list[Heard]:
        """Passes both nets: what comes back was never handled; the offsets move with the unit."""
        records = [item.record for item in items]
        offsets = await inbox.pass_offsets(unit.connection, inbox.ends(records))
        fresh = [
            item
            for item, record in zip(items, records, strict=True)
            if record.offset >= offsets[record.topic, record.partition]
        ]
        if not fresh:
            return []
        heard: dict[str, Heard] = {}
        for item in fresh:
            if isinstance(item, Poison):
                unit.refuse(item.record, item.reason, item.detail)
            else:
                heard.setdefault(item.envelope.event_key, item)
        if not heard:
            return []
        seen = await inbox.remember(unit.connection, list(heard))
        return [item for place, item in enumerate(heard.values()) if place not in seen]

    async def _forget_refused(self, unit: Unit, heard: Sequence[Heard]) -> None:
        """A refused event had no effect: replayed from the dead letters, it is no duplicate."""
        refused = [item.envelope.event_key for item in heard if unit.has_refused(item.record)]
        if refused:
            await inbox.forget(unit.connection, refused)

    async def _give_up(self, item: Heard | Poison, failure: Exception) -> None:
        if isinstance(failure, InvalidMessage):
            reason, detail = failure.reason, failure.detail
        else:
            # the type and place of a bug, not its text: that may quote personal data
            reason, detail = "handler_failed", f"{type(failure).__name__}; see the service's log"

        async def put_aside() -> None:
            async with self._one_at_a_time, self._engine.begin() as connection:
                unit = Unit(connection, service=self._service)
                place = (item.topic, item.partition)
                offsets = await inbox.pass_offsets(connection, {place: item.offset + 1})
                if item.offset >= offsets[place]:
                    unit.refuse(item.record, reason, detail, attempts=self._attempts)
                await unit.save()
            self._after(unit)

        await until_up(put_aside)
        log.error("record.dead_lettered", topic=item.topic, offset=item.offset, reason=reason)
        self._streak.count(good=0, bad=1)

    async def _put_off(self, now: datetime) -> bool:
        async with self._one_at_a_time, self._engine.begin() as connection:
            due = await timers.take_due(connection, now, limit=1)
            later = now + timedelta(hours=PUT_OFF_HOURS)
            await timers.save(connection, {(timer.kind, timer.key): later for timer in due})
        for timer in due:
            metrics.timers_put_off.labels(timer.kind).inc()
        return bool(due)

    async def _timer_units(self, now: datetime) -> bool:
        """One unit, or one a lane if the last was full; each takes others."""
        count = self._timer_lanes if self._is_behind else 1
        async with self._one_at_a_time:
            fired = await side_by_side(self._timer_unit(now, DUE_A_UNIT) for _ in range(count))
        self._is_behind = any(unit.is_full for unit in fired)
        return any(unit.leaves_more for unit in fired)

    async def _one_timer(self, now: datetime) -> bool:
        async with self._one_at_a_time:
            return (await self._timer_unit(now, 1)).leaves_more

    async def _timer_unit(self, now: datetime, limit: int) -> _Fired:
        assert self._fire is not None
        started = time.perf_counter()
        async with self._engine.begin() as connection:
            unit = Unit(connection, service=self._service, passed=now)
            due = await timers.take_due(connection, now, limit=limit)
            if due:
                await self._fire(unit, due)
                await unit.save()
        self._after(unit)
        if due:
            metrics.unit_seconds.labels("timers").observe(time.perf_counter() - started)
            for timer in due:
                metrics.timers_fired.labels(timer.kind).inc()
                if self._measure_latency:
                    metrics.timer_lateness_seconds.observe((now - timer.due_at).total_seconds())
        soonest, is_full = unit.earliest_timer, len(due) == limit
        return _Fired(is_full, is_full or (soonest is not None and soonest <= now))

    def _after(self, unit: Unit) -> None:
        unit.committed()
        self._committed(unit)

    def _count(self, items: Sequence[Heard | Poison], heard: Sequence[Heard]) -> None:
        metrics.last_progress.set_to_current_time()
        good = sum(isinstance(item, Heard) for item in items)
        self._streak.count(good=good, bad=len(items) - good)
        if good > len(heard):
            metrics.events_duplicate.labels(items[0].topic).inc(good - len(heard))
        for topic, count in Counter(item.record.topic for item in heard).items():
            metrics.events_handled.labels(topic).inc(count)
        if self._measure_latency and heard:
            waited = datetime.now(UTC) - heard[-1].envelope.recorded_at
            metrics.end_to_end_seconds.observe(waited.total_seconds())
