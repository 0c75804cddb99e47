"""A service that is gone at every named point, a life each, and then lives on: a program.

It forks before each life, so that no life imports anything again.
"""

import asyncio
import inspect
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple, cast, get_args

from aiokafka import AIOKafkaConsumer, ConsumerRecord

from careline_contracts.envelope import Record, from_headers, to_headers
from careline_contracts.topics import ACTIVITIES, TIER_CHANGES
from careline_localstack import Endpoints, LocalStack
from careline_runtime.consumer import Consumer
from careline_runtime.outbox import Relay
from careline_runtime.publisher import Publisher
from careline_runtime.service import Service
from careline_runtime.transforming import Transforms
from careline_runtime.unit_of_work import Unit
from tests.containers import OnlyEndpoints
from tests.runtime.echo import NOON, Echo

Kind = Literal["handles", "transforms"]

EVENTS_A_UNIT = 5


class CrashPoint(NamedTuple):
    """Before or after a call, the process is gone."""

    name: str
    when: Literal["before", "after"]
    call: Callable[..., Any]
    counts: Callable[..., bool] = lambda *arguments: True
    """Whether it does at this call, by its arguments."""


def _of_events(unit: Unit) -> bool:
    return unit.passed is None and bool(unit.said)


def _of_timers(unit: Unit) -> bool:
    return unit.passed is not None and bool(unit.said)


def _of_published(relay: Relay, connection: object, published: Sequence[int]) -> bool:
    return bool(published)


POINTS: dict[Kind, Sequence[CrashPoint]] = {
    "handles": (
        CrashPoint("partitions are placed", "after", Consumer._place),
        CrashPoint("all is written, and not committed", "after", Unit.save, _of_events),
        CrashPoint("a unit is committed", "before", Unit.committed, _of_events),
        CrashPoint("what it said is not published yet", "before", Publisher._send),
        CrashPoint("it is published, and still in the outbox", "after", Publisher._send),
        CrashPoint("the outbox has forgotten it", "after", Relay._delete_and_find, _of_published),
        CrashPoint("offsets are not committed yet", "before", AIOKafkaConsumer.commit),
        CrashPoint("offsets are committed", "after", AIOKafkaConsumer.commit),
        CrashPoint("timers have fired, and not committed", "after", Unit.save, _of_timers),
        CrashPoint("a unit of timers is committed", "before", Unit.committed, _of_timers),
    ),
    "transforms": (
        CrashPoint("what is made is not published yet", "before", Publisher._send),
        CrashPoint("it is published, and offsets stand still", "after", Publisher._send),
        CrashPoint("offsets are not committed yet", "before", AIOKafkaConsumer.commit),
        CrashPoint("offsets are committed", "after", AIOKafkaConsumer.commit),
    ),
}


def arm(point: CrashPoint) -> None:
    """From now on the process ends at this point, as by kill -9."""

    def crash(when: str, *arguments: Any) -> None:
        if when == point.when and point.counts(*arguments):
            os.kill(os.getpid(), signal.SIGKILL)

    def plain(*arguments: Any) -> Any:
        crash("before", *arguments)
        result = point.call(*arguments)
        crash("after", *arguments)
        return result

    async def awaited(*arguments: Any) -> Any:
        crash("before", *arguments)
        result = await point.call(*arguments)
        crash("after", *arguments)
        return result

    classes = (AIOKafkaConsumer, Consumer, Unit, Publisher, Relay)
    owners = {owner.__name__: owner for owner in classes}
    owner, _, method = point.call.__qualname__.partition(".")
    setattr(owners[owner], method, awaited if inspect.iscoroutinefunction(point.call) else plain)


class Relayed(Echo):
    """The same without a database: it passes on what it hears, under the same ids."""

    async def transform(self, records: Sequence[ConsumerRecord]) -> Sequence[Record]:
        envelopes = [from_headers(record.headers) for record in records]
        return [
            Record(
                self.outlet.name,
                envelope.key,
                to_headers(envelope._replace(id=f"echo-{envelope.id}")),
                record.value,
            )
            for envelope, record in zip(envelopes, records, strict=True)
        ]

    def transforming(self, stack: LocalStack, **settings: Any) -> Service:
        """The service, not started."""
        usual = self.service(stack, "postgresql://nowhere").settings
        service = Service("ingest", usual.model_copy(update=settings))
        service.transform(Transforms([self.inlet], self.transform, lambda letter: letter))
        return service


def a_service(kind: Kind, kafka: str, database_url: str, inlet: str, outlet: str) -> Service:
    topics = [replace(t, name=n) for t, n in ((ACTIVITIES, inlet), (TIER_CHANGES, outlet))]
    stack = cast(LocalStack, OnlyEndpoints(Endpoints({}, kafka, {}, "")))
    settings = {
        "clock": "system",
        "instance": "crashing",
        "batch_max_records": EVENTS_A_UNIT,
    }
    echo = Relayed(*topics)
    echo.later = NOON
    if kind == "transforms":
        return echo.transforming(stack, **settings)
    return echo.service(stack, database_url, **settings)


def main(kind: Kind, *where: str) -> None:
    for point in POINTS[kind]:
        life = os.fork()
        if life == 0:
            arm(point)
            asyncio.run(a_service(kind, *where).serve())
            os._exit(0)
        _, status = os.waitpid(life, 0)
        ended = "killed" if os.WIFSIGNALED(status) else "ended"
        print(f"{ended}: {point.name}", flush=True)
    asyncio.run(a_service(kind, *where).serve())


if __name__ == "__main__":
    assert sys.argv[1] in get_args(Kind)
    main(cast(Kind, sys.argv[1]), *sys.argv[2:])
