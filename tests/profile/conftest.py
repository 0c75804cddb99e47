"""A profile for each test, on a database of its own."""

from collections.abc import AsyncIterator

import pytest

from tests.profile.by_hand import Profile, fresh_profile


@pytest.fixture
async def profile(admin_url: str) -> AsyncIterator[Profile]:
    async with fresh_profile(admin_url) as stage:
        yield stage
