"""Every statement about what others say of a customer: tier, account manager, special care."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_SAVE_TIERS = text("""
    INSERT INTO customers (number, tier)
    SELECT * FROM unnest(CAST(:numbers AS text[]), CAST(:tiers AS text[]))
    ON CONFLICT (number) DO UPDATE SET tier = excluded.tier
""")
_SAVE_RECORDS = text("""
    INSERT INTO customers (number, account_manager, care, record_version)
    SELECT number, manager, string_to_array(care, ' '), version FROM unnest(
        CAST(:numbers AS text[]), CAST(:managers AS text[]), CAST(:cares AS text[]),
        CAST(:versions AS int[])) AS said (number, manager, care, version)
    ON CONFLICT (number) DO UPDATE SET
        account_manager = excluded.account_manager, care = excluded.care,
        record_version = excluded.record_version
    WHERE customers.record_version < excluded.record_version
""")
# most customers never had either: of them no row is made, and none is written
_TAKE_AWAY = text("""
    UPDATE customers SET account_manager = NULL, care = '{}', record_version = without.version
    FROM unnest(CAST(:numbers AS text[]), CAST(:versions AS int[])) AS without (number, version)
    WHERE customers.number = without.number
        AND (customers.account_manager IS NOT NULL OR customers.care <> '{}')
        AND customers.record_version < without.version
""")

_ACCOUNT_MANAGERS = text("""
    SELECT named.number, now.account_manager
    FROM customers named JOIN customers now ON now.number = coalesce(named.survivor, named.number)
    WHERE named.number = ANY(CAST(:numbers AS text[])) AND now.account_manager IS NOT NULL
""")


class Record(NamedTuple):
    """What a desk wants to know of a customer's record, as of its version."""

    customer: str
    version: int
    account_manager: str | None
    care: tuple[str, ...] = ()
    """The special care that they need: codes of profile's policy."""

    @property
    def says_something(self) -> bool:
        return self.account_manager is not None or bool(self.care)


async def save_tiers(connection: AsyncConnection, tiers: Mapping[str, str]) -> None:
    """Keeps what scoring said of customers' tiers."""
    numbers = sorted(tiers)
    values = {"numbers": numbers, "tiers": [tiers[number] for number in numbers]}
    await connection.execute(_SAVE_TIERS, values)


async def account_managers(connection: AsyncConnection, numbers: Collection[str]) -> dict[str, str]:
    """Who answers for each of these customers; none for those for whom nobody does."""
    if not numbers:
        return {}
    rows = await connection.execute(_ACCOUNT_MANAGERS, {"numbers": sorted(numbers)})
    return {row.number: row.account_manager for row in rows}


async def save_records(connection: AsyncConnection, records: Sequence[Record]) -> None:
    """Keeps who answers for each customer and which care they need; the latest version counts."""
    latest = {one.customer: one for one in sorted(records, key=lambda one: one.version)}
    ordered = [latest[number] for number in sorted(latest)]
    if telling := [one for one in ordered if one.says_something]:
        values = {
            **_columns(telling),
            "managers": [one.account_manager for one in telling],
            # PostgreSQL has no arrays of unlike lengths
            "cares": [" ".join(one.care) for one in telling],
        }
        await connection.execute(_SAVE_RECORDS, values)
    if others := [one for one in ordered if not one.says_something]:
        await connection.execute(_TAKE_AWAY, _columns(others))


def _columns(records: Sequence[Record]) -> dict[str, list[str] | list[int]]:
    return {
        "numbers": [one.customer for one in records],
        "versions": [one.version for one in records],
    }
