"""Every statement of erasure: who was erased, under which names, and who has answered."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_contracts.events.profile import ErasureAnswered, ErasureOrdered
from careline_contracts.topics import CUSTOMERS
from careline_profile.model import Ref
from careline_runtime.erasure import Traces

TRACES = Traces(
    rows={
        "facts": ("ref",),
        "reminders": ("ref",),
        "duplicates": ("a", "b"),
        "links": ("a", "b"),
        "reviews": ("a", "b"),
        "verdicts": ("a", "b"),
        "moves": ("ref",),
        "identities": ("ref",),
        "customers": ("number",),
        "protection.reasons": ("customer",),
    },
    tokens={"timeline": "token", "forgotten_touchpoints": "token"},
    states={CUSTOMERS: "SELECT number FROM customers WHERE number = ANY(CAST(:names AS text[]))"},
    nobody=frozenset({"answered", "applied_policy", "quality_checks"}),
)

_WHOLE = text("""
    SELECT ARRAY(SELECT n.number FROM customers n
            WHERE c.number IN (n.number, n.merged_into) ORDER BY n.number) AS numbers,
        c.number, c.version, greatest(:now, (
            SELECT max(occurred_at) FROM customers n
                JOIN identities ON identities.customer = n.number
                JOIN timeline ON token = CAST(right(ref, 32) AS uuid)
            WHERE c.number IN (n.number, n.merged_into))) AS erased_at
    FROM customers asked JOIN customers c ON c.number = coalesce(asked.merged_into, asked.number)
    WHERE asked.number = :number
""")
_IDENTITIES = text("""
    SELECT ref FROM identities WHERE customer = ANY(CAST(:numbers AS text[])) ORDER BY ref
""")
_RETURNS = text("""
    SELECT ref, until, next_ref FROM protection.erased_identities
    WHERE ref = ANY(CAST(:refs AS text[]))
""")
_FIRST_NAMES = text("""
    SELECT next_ref, ref FROM protection.erased_identities
    WHERE next_ref = ANY(CAST(:refs AS text[]))
""")
_LEAVE_NAMES = text("""
    INSERT INTO protection.erased_identities (ref, until, next_ref)
    SELECT ref, :until, next_ref
    FROM unnest(CAST(:refs AS text[]), CAST(:next_refs AS text[])) AS left_behind (ref, next_ref)
    ON CONFLICT (ref) DO UPDATE SET until = excluded.until, next_ref = excluded.next_ref
    WHERE protection.erased_identities.until < excluded.until
""")
_ORDER = text("""
    INSERT INTO protection.erasures (number, customer, erased_at)
    SELECT number, :customer, :erased_at FROM unnest(CAST(:numbers AS text[])) AS number
""")
_ORDERED = text("SELECT customer, erased_at FROM protection.erasures WHERE number = :number")
_ORDERED_NUMBERS = text("""
    SELECT number FROM protection.erasures WHERE customer = :customer ORDER BY number
""")
_ANSWER = text("""
    INSERT INTO protection.erasure_answers (customer, service, answer)
    VALUES (:customer, :service, CAST(:answer AS jsonb)) ON CONFLICT DO NOTHING
""")
_ANSWERS = text("""
    SELECT answer, answered_at FROM protection.erasure_answers
    WHERE customer = :customer ORDER BY service
""")


class Whole(NamedTuple):
    """A customer with every name it has."""

    numbers: tuple[str, ...]
    number: str
    version: int
    erased_at: datetime
    """Now, or its last contact where a channel's clock is ahead of ours."""


class Left(NamedTuple):
    """What stays of an erased identity: until when it is dropped, and its name from then on."""

    until: datetime
    next_ref: Ref


class Ordered(NamedTuple):
    """An erasure that was carried out."""

    customer: str
    erased_at: datetime


class Answered(NamedTuple):
    """What a service deleted, and when profile heard it."""

    answer: ErasureAnswered
    at: datetime


async def whole(connection: AsyncConnection, number: str, *, now: datetime) -> Whole | None:
    """The customer that `number` leads to."""
    row = (await connection.execute(_WHOLE, {"number": number, "now": now})).one_or_none()
    return None if row is None else Whole(tuple(row[0]), *row[1:])


async def identities(connection: AsyncConnection, numbers: Sequence[str]) -> tuple[Ref, ...]:
    """Every identity of the customer that has these numbers."""
    return tuple((await connection.execute(_IDENTITIES, {"numbers": list(numbers)})).scalars())


async def left_of(connection: AsyncConnection, refs: Collection[Ref]) -> dict[Ref, Left]:
    """What stays of those of these identities that were erased."""
    rows = await connection.execute(_RETURNS, {"refs": sorted(refs)})
    return {ref: Left(until, next_ref) for ref, until, next_ref in rows}


async def first_names(connection: AsyncConnection, refs: Collection[Ref]) -> dict[Ref, Ref]:
    """The names as channels give them, of identities that had come back under others."""
    rows = await connection.execute(_FIRST_NAMES, {"refs": sorted(refs)})
    return {row.next_ref: row.ref for row in rows}


async def leave_names(
    connection: AsyncConnection, next_refs: Mapping[Ref, Ref], *, until: datetime
) -> None:
    """Erased identities, each with the name that it has if it comes back."""
    rows = sorted(next_refs.items())
    await connection.execute(
        _LEAVE_NAMES,
        {
            "refs": [ref for ref, _ in rows],
            "next_refs": [next_ref for _, next_ref in rows],
            "until": until,
        },
    )


async def keep_order(connection: AsyncConnection, order: ErasureOrdered) -> None:
    """The numbers of an erased customer are known as such for ever."""
    await connection.execute(
        _ORDER,
        {
            "customer": order.customer,
            "erased_at": order.erased_at,
            "numbers": list(order.numbers),
        },
    )


async def ordered(connection: AsyncConnection, number: str) -> Ordered | None:
    """The erasure of the customer that had this number."""
    row = (await connection.execute(_ORDERED, {"number": number})).one_or_none()
    return None if row is None else Ordered(*row)


async def ordered_numbers(connection: AsyncConnection, customer: str) -> list[str]:
    """All numbers of an erased customer."""
    return list((await connection.execute(_ORDERED_NUMBERS, {"customer": customer})).scalars())


async def keep_answer(connection: AsyncConnection, answer: ErasureAnswered) -> None:
    """The first answer of a service stands: asked again, it finds nothing more to delete."""
    row = {"customer": answer.customer, "service": answer.service}
    await connection.execute(_ANSWER, {**row, "answer": answer.to_json().decode()})


async def answers(connection: AsyncConnection, customer: str) -> list[Answered]:
    """What the services have answered so far."""
    rows: Any = await connection.execute(_ANSWERS, {"customer": customer})
    return [Answered(ErasureAnswered.model_validate(answer), at) for answer, at in rows]
