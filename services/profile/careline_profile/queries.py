"""What profile's API reads: a customer whole, by any of its numbers or identities."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_profile.rules.past import Membership, Moved

# an identity that was erased and came back has another name since
_CUSTOMER_OF = text("""
    SELECT customer FROM identities WHERE ref = coalesce(
        (SELECT next_ref FROM protection.erased_identities WHERE ref = :ref), :ref)
""")
_CUSTOMER = text("""
    SELECT c.number, c.version, c.created_at,
        ARRAY(SELECT number FROM customers WHERE merged_into = c.number ORDER BY number) AS aliases
    FROM customers asked JOIN customers c ON c.number = coalesce(asked.merged_into, asked.number)
    WHERE asked.number = :number
""")
_IDENTITIES = text("""
    SELECT ref, recorded_at FROM identities WHERE customer = :number ORDER BY recorded_at, ref
""")
_MEMBERSHIPS = text("""
    WITH ever (ref) AS (
        SELECT ref FROM identities WHERE customer = :number
        UNION SELECT ref FROM moves WHERE customer = :number
        UNION SELECT ref FROM moves WHERE previous = :number
    )
    SELECT ref, customer, recorded_at, coalesce(known_at, recorded_at),
        ARRAY(
            SELECT (move, customer, previous, known_at) FROM moves
            WHERE moves.ref = identities.ref ORDER BY move)
    FROM ever JOIN identities USING (ref) ORDER BY recorded_at, ref
""")
_CREATED_AT = text("SELECT created_at FROM customers WHERE number = :number")
_SUMMARY = text("""
    SELECT
        (SELECT count(*) FROM customers WHERE merged_into IS NULL) AS customers,
        (SELECT count(*) FROM identities) AS identities,
        (SELECT count(*) FROM customers WHERE merged_into IS NOT NULL) AS merged,
        (SELECT count(*) FROM reviews) AS reviews
""")


class CustomerRow(NamedTuple):
    """A customer, never an absorbed one."""

    number: str
    version: int
    created_at: datetime
    aliases: list[str]


async def customer_of(connection: AsyncConnection, ref: str) -> str | None:
    """The number of the customer who has this identity."""
    number: str | None = (await connection.execute(_CUSTOMER_OF, {"ref": ref})).scalar_one_or_none()
    return number


async def customer(connection: AsyncConnection, number: str) -> CustomerRow | None:
    """The customer that has this number, or has absorbed it."""
    row = (await connection.execute(_CUSTOMER, {"number": number})).one_or_none()
    return None if row is None else CustomerRow(*row)


async def identities(connection: AsyncConnection, number: str) -> list[tuple[str, datetime]]:
    """All identities of a customer, with when each was first recorded."""
    rows = await connection.execute(_IDENTITIES, {"number": number})
    return [(ref, recorded_at) for ref, recorded_at in rows]


async def memberships(connection: AsyncConnection, number: str) -> list[Membership]:
    """Every identity that this customer has, or ever had."""
    rows = await connection.execute(_MEMBERSHIPS, {"number": number})
    return [
        Membership(ref, customer, since, known_at, [Moved._make(move) for move in moves])
        for ref, customer, since, known_at, moves in rows
    ]


async def created_at(connection: AsyncConnection, number: str) -> datetime:
    """Since when there is this number."""
    found: datetime = (await connection.execute(_CREATED_AT, {"number": number})).scalar_one()
    return found


async def summary(connection: AsyncConnection) -> dict[str, int]:
    """How many customers, identities, merged numbers and open reviews there are."""
    row = (await connection.execute(_SUMMARY)).mappings().one()
    return {name: int(count) for name, count in row.items()}
