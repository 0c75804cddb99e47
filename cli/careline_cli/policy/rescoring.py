"""How far published policies have been applied to the customers there are."""

import asyncio
from datetime import datetime
from typing import NamedTuple

import asyncpg

from careline_localstack import Endpoints


class Rescoring(NamedTuple):
    """Of how many customers how many have been decided about by the policy."""

    customers: int
    done: int
    is_done: bool


def rescorings(endpoints: Endpoints) -> dict[datetime, Rescoring]:
    """By the policy's instant."""

    async def read() -> dict[datetime, Rescoring]:
        connection = await asyncpg.connect(endpoints.databases["scoring"])
        try:
            query = "SELECT effective_at, customers, rescored, is_done FROM rescorings"
            return {at: Rescoring(*progress) for at, *progress in await connection.fetch(query)}
        finally:
            await connection.close()

    return asyncio.run(read())
