"""Customers of one name, with their contacts opened to be compared, and forgotten at once."""

from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_profile.quality.rules import Namesake
from careline_runtime.keyring import Keyring

MOST_NAMES = 2_000
"""That a check compares, those that came last first."""
MOST_OF_ONE_NAME = 20
"""A name that more customers have says nothing about any two of them."""
CONTACTS = ("phone", "email")

_SHARED_NAMES = text("""
    WITH named AS (
        SELECT DISTINCT coalesce(c.merged_into, c.number) AS customer, f.token, f.known_at
        FROM facts f JOIN identities i USING (ref) JOIN customers c ON c.number = i.customer
        WHERE f.field = 'name' AND f.token IS NOT NULL AND f.flaw IS NULL
    )
    SELECT array_agg(DISTINCT customer) FROM named GROUP BY token
    HAVING count(DISTINCT customer) BETWEEN 2 AND :most
    ORDER BY max(known_at) DESC, token LIMIT :limit
""")
_OF_CUSTOMERS = text("""
    SELECT coalesce(c.merged_into, c.number) AS customer, i.ref, i.sealed, r.value
    FROM customers c JOIN identities i ON i.customer = c.number
    LEFT JOIN LATERAL (
        SELECT f.value FROM facts f WHERE f.ref = i.ref AND f.field = 'region' AND f.flaw IS NULL
        ORDER BY f.occurred_at DESC, f.event_key DESC LIMIT 1
    ) AS r ON true
    WHERE c.number = ANY(CAST(:numbers AS text[])) OR c.merged_into = ANY(CAST(:numbers AS text[]))
""")


async def namesakes(connection: AsyncConnection, keyring: Keyring) -> list[list[Namesake]]:
    """Groups of customers who have, or had, one name."""
    rows = await connection.execute(_SHARED_NAMES, {"most": MOST_OF_ONE_NAME, "limit": MOST_NAMES})
    groups = [list(numbers) for numbers in rows.scalars()]
    known = await _opened(connection, {one for group in groups for one in group}, keyring)
    return [[known[number] for number in group if number in known] for group in groups]


async def _opened(
    connection: AsyncConnection, numbers: Collection[str], keyring: Keyring
) -> dict[str, Namesake]:
    contacts: dict[str, dict[str, list[str]]] = {}
    regions: dict[str, str] = {}
    rows = await connection.execute(_OF_CUSTOMERS, {"numbers": sorted(numbers)})
    for customer, ref, sealed, region in rows:
        kind = ref.partition(":")[0]
        own = contacts.setdefault(customer, {})
        if kind in CONTACTS:
            own.setdefault(kind, []).append(keyring.open(kind, sealed))
        if region:
            regions[customer] = region
    return {
        customer: Namesake(customer, regions.get(customer), own)
        for customer, own in contacts.items()
    }
