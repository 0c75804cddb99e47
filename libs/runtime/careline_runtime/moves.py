"""Names that profile moves from one customer to another, as those who hear of it keep them.

Merges and splits list moves (docs/decisions/0017). Of two moves of a name the higher one holds, so
they may be heard in any order and twice. A service says in which of its tables names stand.
"""

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_contracts.events.profile import Move, is_identity

_MOVED = """
    unnest(CAST(:names AS text[]), CAST(:customers AS text[]), CAST(:moves AS int[]))
        AS moved (name, customer, moves)
"""


class Place(NamedTuple):
    """Where it stands to whom some of the names lead, each with the count of its moves."""

    statement: TextClause
    is_for: Callable[[str], bool]


def is_number(name: str) -> bool:
    """Whether a name that moves is a customer's number."""
    return not is_identity(name)


def every_name(table: str, *, name: str, of: Callable[[str], bool]) -> Place:
    """A table in which a name that was unknown gets a row."""
    return _place(
        f"""
        INSERT INTO {table} AS known ({name}, customer, moves) SELECT * FROM {_MOVED}
        ON CONFLICT ({name}) DO UPDATE SET customer = excluded.customer, moves = excluded.moves
        WHERE known.moves < excluded.moves
        RETURNING known.{name}
        """,  # noqa: S608 (names from our own code)
        of,
    )


def known_names(table: str, *, name: str, of: Callable[[str], bool]) -> Place:
    """A table in which only some have a row."""
    return _place(
        f"""
        UPDATE {table} AS known SET customer = moved.customer, moves = moved.moves FROM {_MOVED}
        WHERE known.{name} = moved.name AND known.moves < moved.moves
        RETURNING known.{name}
        """,  # noqa: S608 (names from our own code)
        of,
    )


def numbers(table: str, *, survivor: str) -> Place:
    """A table of customers; `survivor` is null where a number is a customer's own."""
    return _place(
        f"""
        UPDATE {table} AS known
        SET {survivor} = nullif(moved.customer, moved.name), moves = moved.moves FROM {_MOVED}
        WHERE known.number = moved.name AND known.moves < moved.moves
        RETURNING known.number
        """,  # noqa: S608 (names from our own code)
        is_number,
    )


async def follow(
    connection: AsyncConnection, moves: Collection[Move], places: Sequence[Place]
) -> set[str]:
    """Lets each name lead where its latest move says; returns those that lead elsewhere by it."""
    ordered = latest(moves)
    led_elsewhere: set[str] = set()
    for place in places:
        if chosen := [move for move in ordered if place.is_for(move.name)]:
            columns = {
                "names": [move.name for move in chosen],
                "customers": [move.customer for move in chosen],
                "moves": [move.move for move in chosen],
            }
            led_elsewhere.update((await connection.execute(place.statement, columns)).scalars())
    return led_elsewhere


def latest(moves: Collection[Move]) -> list[Move]:
    """Of each name the highest move, in order of name: those who write wait and don't deadlock."""
    highest = {move.name: move for move in sorted(moves, key=lambda move: move.move)}
    return [highest[name] for name in sorted(highest)]


def _place(statement: str, of: Callable[[str], bool]) -> Place:
    return Place(text(statement), of)
