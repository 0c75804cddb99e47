"""An engagement for each test, on a database of its own."""

from collections.abc import AsyncIterator

import pytest

from tests.engagement.by_hand import Engagement, fresh_engagement


@pytest.fixture
async def engagement(admin_url: str) -> AsyncIterator[Engagement]:
    async with fresh_engagement(admin_url, "retention") as stage:
        yield stage
