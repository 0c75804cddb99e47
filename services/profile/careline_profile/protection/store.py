"""Every statement of protection: the audit, the reasons given, the second factors, sealed values.

Entries are only added; the database itself refuses anything else. Its clock stamps them: an audit
tells what happened when in the world, also under the replay clock.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_profile.protection.audit import Deed, Entry
from careline_profile.protection.codes import Enrolment

_NOW = text("SELECT clock_timestamp()")
# one chain, so one writer at a time: until its unit commits, the next waits
_HOLD_CHAIN = text("SELECT pg_advisory_xact_lock(hashtext('careline.audit'))")
_HEAD = text("SELECT sequence, hash FROM protection.audit ORDER BY sequence DESC LIMIT 1")
_APPEND = text("""
    INSERT INTO protection.audit (sequence, at, subject, roles, action, customer, fields, outcome,
        reason_digest, previous, hash)
    VALUES (:sequence, :at, :subject, CAST(:roles AS text[]), :action, :customer,
        CAST(:fields AS text[]), :outcome, :reason_digest, :previous, :hash)
""")
_GIVE_REASON = text("""
    INSERT INTO protection.reasons (sequence, customer, sealed)
    VALUES (:sequence, :customer, :sealed)
""")
_ENTRIES = text("""
    SELECT a.sequence, a.at, a.subject, a.roles, a.action, a.customer, a.fields, a.outcome,
        a.reason_digest, a.previous, a.hash, r.sealed
    FROM protection.audit a LEFT JOIN protection.reasons r USING (sequence)
    WHERE a.sequence > :after AND (CAST(:customer AS text) IS NULL OR a.customer = :customer)
    ORDER BY a.sequence LIMIT :limit
""")
_SECOND_FACTOR = text("""
    SELECT sealed, last_step, failures, locked_until FROM protection.second_factors
    WHERE subject = :subject FOR UPDATE
""")
_KEEP_SECOND_FACTOR = text("""
    INSERT INTO protection.second_factors (subject, sealed, last_step, failures, locked_until)
    VALUES (:subject, :sealed, :last_step, :failures, :locked_until)
    ON CONFLICT (subject) DO UPDATE SET sealed = excluded.sealed, last_step = excluded.last_step,
        failures = excluded.failures, locked_until = excluded.locked_until
""")
_DROP_SECOND_FACTOR = text("DELETE FROM protection.second_factors WHERE subject = :subject")
_NUMBER = text("SELECT coalesce(merged_into, number) FROM customers WHERE number = :number")
_IDENTITIES = text(
    "SELECT ref, sealed FROM identities WHERE customer = ANY(CAST(:numbers AS text[]))"
)
_NUMBERS = text("SELECT number FROM customers WHERE :number IN (number, merged_into)")


class Kept(NamedTuple):
    """An entry and the reason that was given, sealed; None once it is forgotten."""

    entry: Entry
    sealed_reason: str | None


async def now(connection: AsyncConnection) -> datetime:
    """The instant by the database's clock."""
    at: datetime = (await connection.execute(_NOW)).scalar_one()
    return at


async def hold_chain(connection: AsyncConnection) -> tuple[int, str] | None:
    """Sequence and hash of the last entry; nobody adds another until this unit ends."""
    await connection.execute(_HOLD_CHAIN)
    row = (await connection.execute(_HEAD)).one_or_none()
    return None if row is None else (row[0], row[1])


async def append(connection: AsyncConnection, entry: Entry, sealed_reason: str) -> None:
    """Adds the entry, and its reason where it can be forgotten."""
    row = {**entry._asdict(), **entry.deed._asdict()}
    row |= {"roles": list(entry.deed.roles), "fields": list(entry.deed.fields)}
    del row["deed"]
    await connection.execute(_APPEND, row)
    # why somebody was erased must be known when nothing else of them is
    customer = "" if entry.deed.action == "customer.erase" else entry.deed.customer
    reason = {"customer": customer, "sealed": sealed_reason}
    await connection.execute(_GIVE_REASON, {"sequence": entry.sequence, **reason})


async def entries(
    connection: AsyncConnection, *, after: int, limit: int, customer: str | None = None
) -> list[Kept]:
    """The audit from the entry behind `after` on."""
    rows = await connection.execute(
        _ENTRIES, {"after": after, "limit": limit, "customer": customer}
    )
    return [_kept(row) for row in rows]


def _kept(row: Sequence[object]) -> Kept:
    sequence, at, subject, roles, action, customer, fields, outcome, *chained, sealed = row
    deed = Deed(subject, tuple(roles), action, customer, tuple(fields), outcome)  # type: ignore[arg-type]
    return Kept(Entry(sequence, at, deed, *chained), sealed)  # type: ignore[arg-type]


async def second_factor(connection: AsyncConnection, subject: str) -> tuple[str, Enrolment] | None:
    """Somebody's second factor, locked, with its secret sealed and left out of the enrolment."""
    row = (await connection.execute(_SECOND_FACTOR, {"subject": subject})).one_or_none()
    return None if row is None else (row[0], Enrolment("", *row[1:]))


async def keep_second_factor(
    connection: AsyncConnection, subject: str, sealed: str, enrolment: Enrolment
) -> None:
    row = {**enrolment._asdict(), "subject": subject, "sealed": sealed}
    del row["secret"]
    await connection.execute(_KEEP_SECOND_FACTOR, row)


async def drop_second_factor(connection: AsyncConnection, subject: str) -> bool:
    """Whether there was one."""
    dropped = await connection.execute(_DROP_SECOND_FACTOR, {"subject": subject})
    return bool(dropped.rowcount)


async def number_of(connection: AsyncConnection, number: str) -> str | None:
    """The customer that `number` leads to."""
    found: str | None = (await connection.execute(_NUMBER, {"number": number})).scalar_one_or_none()
    return found


async def sealed_identities(connection: AsyncConnection, number: str) -> list[tuple[str, str]]:
    """Name and sealed value of every identity of a customer."""
    numbers = (await connection.execute(_NUMBERS, {"number": number})).scalars().all()
    rows = await connection.execute(_IDENTITIES, {"numbers": list(numbers)})
    return sorted((ref, sealed) for ref, sealed in rows)
