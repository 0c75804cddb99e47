"""A poison record is found by halving its batch, which holds the others up for a moment only."""

from collections.abc import Sequence

import pytest
import structlog

from careline_runtime.bisecting import bisect

BATCH = 2_000
ATTEMPTS = 3


class Settled:
    """What became of a batch, and how much was tried for it."""

    def __init__(self, poison: int) -> None:
        self.tried = 0
        self.done: list[int] = []
        self.given_up: list[int] = []
        self._poison = poison

    async def unit(self, items: Sequence[int]) -> None:
        self.tried += len(items)
        if self._poison in items:
            raise RuntimeError("a bug")
        self.done += items

    async def give_up(self, item: int, failure: Exception) -> None:
        self.given_up.append(item)


@pytest.mark.parametrize("poison", [0, 1_234, BATCH - 1])
async def test_a_poison_costs_its_batch_no_more_than_two_others_would(poison: int) -> None:
    """A batch takes 0.3 s of the slowest stage (docs/performance.md): a second in all."""
    settled = Settled(poison)
    with structlog.testing.capture_logs():
        await bisect(range(BATCH), settled.unit, settled.give_up, attempts=ATTEMPTS)

    assert settled.done == [item for item in range(BATCH) if item != poison]
    assert settled.given_up == [poison]
    assert settled.tried <= 3 * BATCH + ATTEMPTS


async def test_what_failed_once_for_a_reason_that_is_over_is_settled_in_order() -> None:
    settled = Settled(poison=7)

    async def fails_once(items: Sequence[int]) -> None:
        try:
            await settled.unit(items)
        finally:
            settled._poison = -1

    with structlog.testing.capture_logs():
        await bisect(range(10), fails_once, settled.give_up, attempts=ATTEMPTS)
    assert (settled.done, settled.given_up) == (list(range(10)), [])
