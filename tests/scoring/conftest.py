"""The shipped policy made ready to decide, and a scoring on a database of its own."""

from collections.abc import AsyncIterator

import pytest

from careline_runtime.policy import Loaded
from careline_scoring.policy import ScoringPolicy
from careline_scoring.rules import Rulebook
from tests.scoring.by_hand import Scoring, fresh_scoring, shipped_policy


@pytest.fixture(scope="session")
def shipped() -> Loaded[ScoringPolicy]:
    return shipped_policy()


@pytest.fixture(scope="session")
def rulebook(shipped: Loaded[ScoringPolicy]) -> Rulebook:
    return Rulebook(shipped.policy, version=shipped.version)


@pytest.fixture
async def scoring(admin_url: str) -> AsyncIterator[Scoring]:
    async with fresh_scoring(admin_url) as stage:
        yield stage
