"""Learns how each source usually is, and says when one falls silent or drifts, and recovers.

What was seen is summed in memory, added to Valkey now and then, and compared there by whichever
instance has the turn. A lost Valkey is a forgotten past: nothing is alarmed until a week is known
again. Sums of a killed instance's last seconds are missing: these are statistics.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import structlog
from aiokafka.errors import KafkaError

from careline_contracts.envelope import Envelope, Record, from_text, to_headers, to_text
from careline_contracts.events.ingest import ChannelDrifting, ChannelRecovered, ChannelSilent
from careline_contracts.payload import Payload
from careline_contracts.topics import CHANNEL_HEALTH
from careline_ingest import drift, metrics
from careline_ingest.drift import Mix
from careline_ingest.policy import WatchPolicy
from careline_ingest.publishing import Publishes
from careline_ingest.senders import OPTIONAL_FIELDS
from careline_runtime.clock import Now
from careline_runtime.valkey import Valkey

log = structlog.get_logger(__name__)

PREFIX = "careline:ingest:watch"
ALARMS = f"{PREFIX}:alarms"
TURN = f"{PREFIX}:turn"
FLUSH_SECONDS = 10
HOUR_SECONDS, DAY_SECONDS = 3600, 86_400


class Seen(NamedTuple):
    """What is kept of an accepted event."""

    source: str
    type: str
    fields: frozenset[str]
    """Those that the sender filled in."""


class Alarm(NamedTuple):
    """Something that is wrong with a source, and since when."""

    source: str
    kind: str
    since: datetime
    said: Payload

    @property
    def name(self) -> str:
        """Under which it is kept."""
        return f"{self.kind}|{self.source}"


class Over(NamedTuple):
    """Something that was wrong with a source and is no longer."""

    source: str
    kind: str
    since: datetime


class Watch:
    """Sums what is seen, and compares it with the past while it runs."""

    def __init__(
        self,
        valkey: Valkey,
        publisher: Publishes,
        *,
        policy: WatchPolicy,
        now: Now,
    ) -> None:
        self._valkey = valkey
        self._publisher = publisher
        self._policy = policy
        self._now = now
        self._seen: Counter[Seen] = Counter()
        self._running: asyncio.Task[None] | None = None

    def note(self, seen: Iterable[Seen]) -> None:
        """Counts events that were accepted."""
        self._seen.update(seen)

    async def start(self) -> None:
        self._running = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        await self.flush()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(min(FLUSH_SECONDS, self._policy.check_every_seconds))
            try:
                await self.flush()
                if await self._has_the_turn():
                    await self.check()
            except (KafkaError, TimeoutError, OSError) as error:
                log.warning("watch.waits", error=type(error).__name__)

    async def flush(self) -> None:
        """Adds what was seen to what Valkey has."""
        seen, self._seen = self._seen, Counter()
        if not seen:
            return
        now = self._now().timestamp()
        hour, day = int(now // HOUR_SECONDS), int(now // DAY_SECONDS)
        pipeline = self._valkey.client.pipeline(transaction=False)
        for key, sums, kept in (
            (f"{PREFIX}:hour:{hour}", _by_source(seen), HOUR_SECONDS),
            (f"{PREFIX}:day:{day}", _by_part(seen), DAY_SECONDS),
        ):
            for field, count in sums.items():
                pipeline.hincrby(key, field, count)
            pipeline.expire(key, (self._policy.past_days + 2) * DAY_SECONDS + kept)
        await self._valkey.attempt(pipeline.execute)

    async def check(self) -> None:
        """Compares every known source with its past, and says what has changed."""
        now = self._now()
        hourly, today, past = await self._past(now)
        if hourly is None:
            return
        alarms = {alarm.name: alarm for alarm in self._alarms(hourly, today, past, now)}
        known = await self._valkey.attempt(self._known_alarms) or {}
        raised = [alarm for name, alarm in alarms.items() if name not in known]
        over = [
            Over(source, kind, from_text(since, name="since"))
            for name, since in known.items()
            for kind, _, source in [name.partition("|")]
            if name not in alarms and _is_seen(hourly.get(source, {}), now)
        ]
        await self._publisher.publish(
            [
                *(_record(a.source, a.said, now, f"{a.kind}-{to_text(a.since)}") for a in raised),
                *(_recovery(ended, now) for ended in over),
            ]
        )
        await self._keep(raised, over)
        _show(known, raised, over)

    def _alarms(
        self,
        hourly: Mapping[str, Mapping[int, int]],
        today: Mapping[str, Mix],
        past: Mapping[str, Mix],
        now: datetime,
    ) -> Iterator[Alarm]:
        for source, counts in hourly.items():
            if silent := drift.silence(counts, now, self._policy):
                said = ChannelSilent(
                    source=source, since=silent.since, expected_events=silent.expected_events
                )
                yield Alarm(source, "silent", silent.since, said)
                continue  # a silent source drifts in everything; one word is enough
            drifts = list(
                drift.mix_drifts(today.get(source, _NONE), past.get(source, _NONE), self._policy)
            )
            if rate := drift.rate_drift(counts, now, self._policy):
                drifts.append(rate)
            for found in drifts:
                said_drift = ChannelDrifting(
                    source=source,
                    kind=found.kind,
                    detail=found.detail,
                    usual=found.usual,
                    found=found.found,
                )
                yield Alarm(source, found.kind, now, said_drift)

    async def _past(
        self, now: datetime
    ) -> tuple[Mapping[str, Mapping[int, int]] | None, Mapping[str, Mix], Mapping[str, Mix]]:
        """Per source: events by hour, today's mix, and the mix of the days before."""
        hour, day = int(now.timestamp() // HOUR_SECONDS), int(now.timestamp() // DAY_SECONDS)
        hours = range(hour - 24 * (self._policy.past_days + 1), hour + 1)
        days = range(day - self._policy.past_days, day + 1)
        pipeline = self._valkey.client.pipeline(transaction=False)
        for key in (*(f"{PREFIX}:hour:{h}" for h in hours), *(f"{PREFIX}:day:{d}" for d in days)):
            pipeline.hgetall(key)
        found = await self._valkey.attempt(pipeline.execute)
        if found is None:
            return None, {}, {}
        hourly: defaultdict[str, dict[int, int]] = defaultdict(dict)
        for one, sums in zip(hours, found, strict=False):
            for source, count in sums.items():
                hourly[source.decode()][one] = int(count)
        *before, present = found[len(hours) :]
        return hourly, _mixes([present]), _mixes(before)

    async def _known_alarms(self) -> dict[str, str]:
        found: Any = await self._valkey.client.hgetall(ALARMS)
        return {name.decode(): since.decode() for name, since in found.items()}

    async def _keep(self, raised: Sequence[Alarm], over: Sequence[Over]) -> None:
        pipeline = self._valkey.client.pipeline(transaction=False)
        for alarm in raised:
            pipeline.hset(ALARMS, alarm.name, to_text(alarm.since))
        for ended in over:
            pipeline.hdel(ALARMS, f"{ended.kind}|{ended.source}")
        await self._valkey.attempt(pipeline.execute)

    async def _has_the_turn(self) -> bool:
        """Whether this instance compares now: one does, each time."""
        return bool(
            await self._valkey.attempt(
                lambda: self._valkey.client.set(
                    TURN, 1, nx=True, ex=self._policy.check_every_seconds
                )
            )
        )


_NONE = Mix({}, {})


def _by_source(seen: Mapping[Seen, int]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for one, count in seen.items():
        sums[one.source] += count
    return sums


def _by_part(seen: Mapping[Seen, int]) -> Counter[str]:
    """Events by `type|source`, and by `type/field|source` those that leave a field out."""
    sums: Counter[str] = Counter()
    for one, count in seen.items():
        sums[f"{one.type}|{one.source}"] += count
        for field in OPTIONAL_FIELDS[one.type] - one.fields:
            sums[f"{one.type}/{field}|{one.source}"] += count
    return sums


def _mixes(days: Iterable[Mapping[bytes, bytes]]) -> dict[str, Mix]:
    found: dict[str, tuple[Counter[str], Counter[tuple[str, str]]]] = {}
    for day in days:
        for name, count in day.items():
            part, _, source = name.decode().partition("|")
            type, _, field = part.partition("/")
            types, absent = found.setdefault(source, (Counter(), Counter()))
            if field:
                absent[type, field] += int(count)
            else:
                types[type] += int(count)
    return {source: Mix(*sums) for source, sums in found.items()}


def _is_seen(counts: Mapping[int, int], now: datetime) -> bool:
    """Whether the source has sent something within the last hours."""
    hour = int(now.timestamp() // HOUR_SECONDS)
    return any(counts.get(one) for one in (hour, hour - 1))


def _record(source: str, said: Payload, now: datetime, id: str) -> Record:
    envelope = Envelope(f"{source}-{id}"[:255], "/careline/ingest", said.type, now, now, key=source)
    return Record(CHANNEL_HEALTH.name, source, to_headers(envelope), said.to_json())


def _recovery(over: Over, now: datetime) -> Record:
    kind: Any = over.kind
    said = ChannelRecovered(source=over.source, recovered_from=kind, since=over.since)
    return _record(over.source, said, now, f"{kind}-{to_text(over.since)}-over")


def _show(known: Iterable[str], raised: Iterable[Alarm], over: Iterable[Over]) -> None:
    for name in known:
        kind, _, source = name.partition("|")
        metrics.source_alarm.labels(source, kind).set(1)
    for alarm in raised:
        metrics.source_alarm.labels(alarm.source, alarm.kind).set(1)
        log.warning("channel.alarm", source=alarm.source, kind=alarm.kind)
    for ended in over:
        metrics.source_alarm.labels(ended.source, ended.kind).set(0)
        log.info("channel.recovered", source=ended.source, kind=ended.kind)
