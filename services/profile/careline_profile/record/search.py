"""Finds customers by what stands on their records; personal values by their tokens."""

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_profile.in_force import InForce, Rules
from careline_profile.record.model import Fact, Record
from careline_profile.record.queries import facts_of
from careline_profile.record.rules.fold import attributes, fold
from careline_profile.record.rules.forms import NoValue, in_form

# Whoever ever had the value is a candidate; whether they have it now, the record says. The first
# criterion is looked up, the others are looked at, and a page ends after a number.
_CANDIDATES = text("""
    SELECT coalesce(c.merged_into, c.number) AS customer, array_agg(DISTINCT own.ref) AS refs
    FROM (
        SELECT DISTINCT coalesce(c.merged_into, c.number) AS number
        FROM facts f JOIN identities i USING (ref) JOIN customers c ON c.number = i.customer
        WHERE f.flaw IS NULL AND f.field = :field
            AND (f.token = CAST(:token AS uuid)
                OR f.token IS NULL AND f.value = :value AND length(f.value) <= 200)
            AND coalesce(c.merged_into, c.number) > :after
        ORDER BY 1 LIMIT :limit
    ) AS found
    JOIN customers c ON found.number IN (c.number, c.merged_into)
    JOIN identities own ON own.customer = c.number
    GROUP BY 1 ORDER BY 1
""")


class Wanted(NamedTuple):
    """What must stand in a field: its value, or the token of a personal one."""

    field: str
    value: str
    token: str | None


class Found(NamedTuple):
    """A customer who has it, and what of their record is no secret."""

    customer: str
    attributes: Mapping[str, str | tuple[str, ...]]


class Search:
    """Looks for customers by fields of their records."""

    def __init__(self, in_force: InForce) -> None:
        self._in_force = in_force

    def wanted(self, criteria: Mapping[str, str], *, on: date) -> list[Wanted]:
        """The criteria in their form; raises `NoValue` with the field's name."""
        by = self._in_force()
        return [_wanted(name, said, on, by) for name, said in criteria.items()]

    async def page(
        self, connection: AsyncConnection, wanted: list[Wanted], *, after: str, limit: int
    ) -> tuple[list[Found], str | None]:
        """Those of the next `limit` candidates who have all of it, and where the next page begins.

        A personal criterion is looked up first: few people share a name, many a region.
        """
        first = min(wanted, key=lambda one: one.token is None)
        asked = {**first._asdict(), "after": after, "limit": limit}
        candidates = [
            (row.customer, row.refs) for row in await connection.execute(_CANDIDATES, asked)
        ]
        facts = await facts_of(connection, [ref for _, refs in candidates for ref in refs])
        by_ref: dict[str, list[Fact]] = {}
        for fact in facts:
            by_ref.setdefault(fact.ref, []).append(fact)
        found, rules = [], self._in_force().fields
        for customer, refs in candidates:
            record = fold((fact for ref in refs for fact in by_ref.get(ref, ())), rules)
            if all(_has(record, one) for one in wanted):
                found.append(Found(customer, attributes(record, rules)))
        return found, candidates[-1][0] if len(candidates) == limit else None


def _wanted(name: str, said: str, on: date, by: Rules) -> Wanted:
    field = by.fields.declared.get(name)
    if field is None:
        raise NoValue(f"{name} is no field of the record")
    try:
        value = in_form(said, field, on=on)
    except NoValue as flaw:
        raise NoValue(f"{name}: {flaw}") from None
    token = by.keyring.token(name, value.casefold()) if field.personal else None
    return Wanted(name, value, token)


def _has(record: Record, wanted: Wanted) -> bool:
    of_field = (fact for slot, fact in record.items() if slot.field == wanted.field)
    return any((fact.token or fact.value) == (wanted.token or wanted.value) for fact in of_field)
