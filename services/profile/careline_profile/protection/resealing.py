"""Seals anew what an older key sealed: bounded steps that may end at any instant and go on later.

A step locks the rows of some pages, seals what is not under the current key, and commits. Nothing
is remembered in between: what is left to do shows in the values themselves, which name their key.
Services run on; whatever they write meanwhile is under the current key already.
"""

from collections.abc import AsyncIterator
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from careline_profile.protection.reading import SEALED_REASON, SEALED_SECOND_FACTOR
from careline_profile.record.editing import REASON
from careline_profile.reviews.deciding import VERDICT_REASON
from careline_runtime.keyring import Keyring

PAGES_A_STEP = 64
"""Half a megabyte of rows, some thousands, that one transaction locks."""


class Place(NamedTuple):
    """A column that holds sealed values."""

    table: str
    column: str
    field: str
    """SQL for the field that a value was sealed as."""
    where: str = "true"
    """SQL for the rows that hold one."""


PLACES = (
    Place("identities", "sealed", "split_part(ref, ':', 1)"),
    Place("facts", "value", "field", "value <> '' AND (token IS NOT NULL OR flaw IS NOT NULL)"),
    Place("facts", "reason", f"'{REASON}'", "reason IS NOT NULL"),
    Place("verdicts", "reason", f"'{VERDICT_REASON}'"),
    Place("protection.reasons", "sealed", f"'{SEALED_REASON}'"),
    Place("protection.second_factors", "sealed", f"'{SEALED_SECOND_FACTOR}'"),
)
"""Everything in profile's database that a seal key protects."""


class Progress(NamedTuple):
    """How far a place is: pages done, of how many, and values sealed anew in the last step."""

    place: Place
    pages: int
    of_pages: int
    resealed: int


async def reseal(engine: AsyncEngine, keyring: Keyring) -> AsyncIterator[Progress]:
    """Goes through every place, a step at a time; raises `CannotOpen` where a key is missing."""
    for place in PLACES:
        async with engine.connect() as connection:
            of_pages = await _pages(connection, place)
        for first in range(0, of_pages, PAGES_A_STEP):
            end = min(first + PAGES_A_STEP, of_pages)
            async with engine.begin() as connection:
                resealed = await _step(connection, place, first, end, keyring)
            yield Progress(place, end, of_pages, resealed)


async def left_under(
    connection: AsyncConnection, key_id: str, *, other_keys: bool = False
) -> dict[str, int]:
    """How many values are sealed under a key, or under any other, by table."""
    left: dict[str, int] = {}
    for place in PLACES:
        under = f"{'NOT' if other_keys else ''} starts_with({place.column}, :beginning)"
        query = f"SELECT count(*) FROM {place.table} WHERE ({place.where}) AND {under}"  # noqa: S608
        found = await connection.execute(text(query), {"beginning": f"{key_id}."})
        if count := found.scalar_one():
            left[place.table] = left.get(place.table, 0) + count
    return left


async def _pages(connection: AsyncConnection, place: Place) -> int:
    query = text("SELECT pg_relation_size(CAST(:table AS regclass)) / 8192")
    pages: int = (await connection.execute(query, {"table": place.table})).scalar_one()
    return pages


async def _step(
    connection: AsyncConnection, place: Place, first: int, end: int, keyring: Keyring
) -> int:
    """A row that is changed moves to another page, under the current key by then."""
    rows = await connection.execute(
        text(f"""
            SELECT CAST(ctid AS text), {place.field}, {place.column} FROM {place.table}
            WHERE ctid >= CAST(CAST(:first AS text) AS tid)
            AND ctid < CAST(CAST(:end AS text) AS tid)
            AND ({place.where}) AND NOT starts_with({place.column}, :current)
            FOR UPDATE
        """),  # noqa: S608 - names from this file
        {"first": f"({first},0)", "end": f"({end},0)", "current": f"{keyring.current_id}."},
    )
    found = [(ctid, keyring.seal(field, keyring.open(field, old))) for ctid, field, old in rows]
    if found:
        await connection.execute(
            text(f"""
                UPDATE {place.table} SET {place.column} = anew.sealed
                FROM unnest(CAST(:places AS text[]), CAST(:sealed AS text[]))
                    AS anew (place, sealed)
                WHERE {place.table}.ctid = CAST(anew.place AS tid)
            """),  # noqa: S608 - names from this file
            {"places": [ctid for ctid, _ in found], "sealed": [sealed for _, sealed in found]},
        )
    return len(found)
