"""How a service forgets a customer, and keeps forgetting: REC-7 for whoever hears activities.

`CustomerErased` names numbers and identities. What the service keeps under these names is deleted
in the unit that hears it, and the names, keyed hashes, stay behind in `erased`: what is heard of
them later (late, replayed, from another partition) is dropped and counted. Neither numbers nor
names are given again: who comes back has new ones, also for the same telephone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_contracts.envelope import Envelope
from careline_contracts.events.profile import CustomerErased, ErasureAnswered
from careline_contracts.topics import ERASURE_ANSWERS, Topic
from careline_runtime import metrics
from careline_runtime.batch import Heard
from careline_runtime.stages import Fire, Handle
from careline_runtime.timers import Due
from careline_runtime.unit_of_work import Unit

# Whoever writes about customers holds the lock shared, whoever erases holds it alone: what another
# instance had in hand is there to be deleted, and what it takes up next knows the names.
_SHARE = text("SELECT pg_advisory_xact_lock_shared(hashtext('careline.erasure'))")
_HOLD = text("SELECT pg_advisory_xact_lock(hashtext('careline.erasure'))")
_ERASED = text("SELECT name FROM erased WHERE name = ANY(CAST(:names AS text[]))")
# where nobody was ever erased, which is most often, no names have to be sent (1 µs an event)
_ANYBODY = text("SELECT EXISTS (SELECT FROM erased)")
_REMEMBER = text("""
    INSERT INTO erased (name) SELECT * FROM unnest(CAST(:names AS text[])) ON CONFLICT DO NOTHING
""")


@dataclass(frozen=True)
class Traces:
    """Where a service keeps something about a customer.

    A test of the architecture holds this against the service's tables: each is here, or has nobody.
    """

    rows: Mapping[str, tuple[str, ...]]
    """Tables, and their columns that hold a number or an identity."""
    tokens: Mapping[str, str] = field(default_factory=dict)
    """Tables that know an identity by its token alone, and the column, a uuid."""
    states: Mapping[Topic, str] = field(default_factory=dict)
    """Compacted topics, and the query for a customer's keys there, by `:names`."""
    nobody: frozenset[str] = frozenset()
    """Tables without a customer."""


async def hold(connection: AsyncConnection) -> None:
    """Nobody else writes about any customer until this unit ends."""
    await connection.execute(_HOLD)


async def share(connection: AsyncConnection) -> bool:
    """Nobody erases anybody until this unit ends; returns whether anybody was erased before."""
    await connection.execute(_SHARE)
    return bool((await connection.execute(_ANYBODY)).scalar())


async def is_any_erased(connection: AsyncConnection, names: Iterable[str]) -> bool:
    """Whether one of these numbers or identities was erased. The unit must `share`."""
    return bool(await _erased(connection, names))


async def forget(
    unit: Unit, customer: CustomerErased, traces: Traces, *, service: str
) -> ErasureAnswered:
    """Deletes what the service keeps under these names; returns how much of what that was.

    The unit must `hold`.
    """
    names = sorted({*customer.numbers, *customer.identities})
    keys: set[str] = set(names)
    tombstones: dict[str, int] = {}
    for topic, query in traces.states.items():
        found = sorted((await unit.connection.execute(text(query), {"names": names})).scalars())
        for key in found:
            unit.erase(topic, key)
        tombstones[topic.name] = len(found)
        keys.update(found)
    deleted = {
        table: await _delete(unit.connection, table, columns, names)
        for table, columns in traces.rows.items()
    }
    tokens = [token for _, _, token in (name.partition(":") for name in names) if token]
    for table, column in traces.tokens.items():
        statement = text(f"DELETE FROM {table} WHERE {column} = ANY(CAST(:tokens AS uuid[]))")  # noqa: S608
        deleted[table] = (await unit.connection.execute(statement, {"tokens": tokens})).rowcount
    unit.drop_timers(keys)
    deleted["timers"] = await _delete(unit.connection, "timers", ("key",), sorted(keys))
    await unit.connection.execute(_REMEMBER, {"names": sorted(keys)})
    return ErasureAnswered(
        customer=customer.customer,
        service=service,
        erased_at=customer.erased_at,
        deleted=deleted,
        tombstones=tombstones,
    )


async def _delete(
    connection: AsyncConnection, table: str, columns: Sequence[str], names: Sequence[str]
) -> int:
    where = " OR ".join(f"{column} = ANY(CAST(:names AS text[]))" for column in columns)
    statement = text(f"DELETE FROM {table} WHERE {where}")  # noqa: S608 - names from our own code
    return (await connection.execute(statement, {"names": names})).rowcount


def forgetting(handle: Handle, traces: Traces, *, service: str) -> Handle:
    """`handle` for whoever stays: an erasure happens in its place, the erased are left out."""

    async def handle_whoever_stays(unit: Unit, heard: Sequence[Heard]) -> None:
        is_erasing = any(isinstance(item.payload, CustomerErased) for item in heard)
        if is_erasing:
            await hold(unit.connection)
        elif not await share(unit.connection):
            await handle(unit, heard)
            return
        erased = await _erased(unit.connection, (name for item in heard for name in _names(item)))
        for part in _parts(heard):
            if isinstance(person := part[0].payload, CustomerErased):
                erased |= {*person.numbers, *person.identities}
                answer = await forget(unit, person, traces, service=service)
                answer_with(unit, answer, cause=part[0].envelope)
            elif staying := _staying(unit, part, erased):
                await handle(unit, staying)

    return handle_whoever_stays


def forgetting_timers(fire: Fire) -> Fire:
    """`fire` for whoever stays: another instance may have erased the customer of a timer."""

    async def fire_for_whoever_stays(unit: Unit, due: Sequence[Due]) -> None:
        erased: set[str] = set()
        if await share(unit.connection):
            erased = await _erased(unit.connection, (timer.key for timer in due))
        if staying := [timer for timer in due if timer.key not in erased]:
            await fire(unit, staying)

    return fire_for_whoever_stays


def answer_with(unit: Unit, answer: ErasureAnswered, *, cause: Envelope | None = None) -> None:
    """Says what was deleted: profile makes the receipt from it."""
    unit.say(
        ERASURE_ANSWERS,
        answer,
        key=answer.customer,
        id=f"{answer.customer}-erased-{answer.service}",
        recorded_at=answer.erased_at,
        cause=cause,
    )


def count_dropped(unit: Unit, count: int) -> None:
    """Counts events that were left out, once the unit is committed."""
    unit.after_commit(lambda: metrics.events_of_erased.inc(count))


async def _erased(connection: AsyncConnection, names: Iterable[str]) -> set[str]:
    wanted = sorted({name for name in names if name})
    return set((await connection.execute(_ERASED, {"names": wanted})).scalars())


def _staying(unit: Unit, part: Sequence[Heard], erased: set[str]) -> list[Heard]:
    if not erased:
        return list(part)
    staying = [item for item in part if erased.isdisjoint(_names(item))]
    if len(staying) < len(part):
        count_dropped(unit, len(part) - len(staying))
    return staying


def _names(item: Heard) -> Iterator[str]:
    """The number that an event is about, and the identity where it has one."""
    yield item.envelope.key
    identity = getattr(item.payload, "identity", None)
    if identity is not None:
        yield identity


def _parts(heard: Sequence[Heard]) -> Iterator[list[Heard]]:
    """The batch in order, each erasure by itself."""
    part: list[Heard] = []
    for item in heard:
        if isinstance(item.payload, CustomerErased):
            if part:
                yield part
            yield [item]
            part = []
        else:
            part.append(item)
    if part:
        yield part
