"""A ticketing service for each test, on a database of its own."""

from collections.abc import AsyncIterator

import pytest

from tests.ticketing.by_hand import Stage, fresh_stage


@pytest.fixture
async def stage(admin_url: str) -> AsyncIterator[Stage]:
    async with fresh_stage(admin_url) as stage:
        yield stage
