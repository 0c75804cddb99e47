"""In whatever order and how often moves are heard, each name leads where it should."""

from collections.abc import AsyncIterator
from itertools import permutations

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from careline_contracts.events.profile import Move, is_identity
from careline_runtime.moves import every_name, follow, is_number, known_names, latest, numbers
from tests.runtime.by_hand import fresh_database

PLACES = (
    every_name("members", name="identity", of=is_identity),
    known_names("members", name="identity", of=is_number),
    numbers("customers", survivor="merged_into"),
)
MERGED = [Move(name=name, customer="C1", move=1) for name in ("phone:2", "C2")]
PARTED = [Move(name=name, customer="C2", move=2) for name in ("phone:2", "C2")]
AGAIN = [Move(name="phone:2", customer="C3", move=3)]


@pytest.fixture
async def engine(admin_url: str) -> AsyncIterator[AsyncEngine]:
    async with fresh_database(admin_url) as engine:
        async with engine.begin() as connection:
            for table in (
                "members (identity text PRIMARY KEY, customer text, moves int DEFAULT 0)",
                "customers (number text PRIMARY KEY, merged_into text, moves int DEFAULT 0)",
            ):
                await connection.execute(text(f"CREATE TABLE {table}"))
        yield engine


def test_of_several_moves_of_a_name_the_highest_is_the_latest() -> None:
    assert latest([*AGAIN, *PARTED, *MERGED]) == [PARTED[1], AGAIN[0]]


@pytest.mark.stack
async def test_the_highest_move_holds_in_any_order(engine: AsyncEngine) -> None:
    for order in permutations([MERGED, PARTED, AGAIN]):
        async with engine.begin() as connection:
            await connection.execute(text("TRUNCATE members, customers"))
            await connection.execute(text("INSERT INTO customers VALUES ('C1'), ('C2')"))
            led_elsewhere = [await follow(connection, moves, PLACES) for moves in (*order, *order)]
            assert led_elsewhere[3:] == [set()] * 3, "the second time nothing is news"
            members = await connection.execute(text("SELECT * FROM members"))
            assert [tuple(row) for row in members] == [("phone:2", "C3", 3)]
            found = await connection.execute(text("SELECT * FROM customers ORDER BY number"))
            assert [tuple(row) for row in found] == [("C1", None, 0), ("C2", None, 2)]
