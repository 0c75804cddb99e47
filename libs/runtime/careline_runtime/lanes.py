"""Which records of a poll are handled side by side: those of different partitions.

One unit at a time would let the service wait for PostgreSQL and PostgreSQL for the service. Two are
to each other as two instances are: of one partition there is never more than one at work.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Protocol, TypeVar

LANES = 2
"""One fills the waits of the other."""


class InAPartition(Protocol):
    """A record, or what was read from one."""

    @property
    def partition(self) -> int: ...


Item = TypeVar("Item", bound=InAPartition)


def lanes(items: Sequence[Item], *, most: int) -> list[list[Sequence[Item]]]:
    """The lanes that are gone through side by side, each one unit of `most` items after the other.

    What fits into one unit is not divided: a unit by itself costs as much as a hundred events.
    Partitions of one number stay together, whatever their topics: where topics are keyed alike they
    hold the same customers, of whom a lane keeps the order.
    """
    if len(items) <= most:
        return [[items]] if items else []
    lane_of = _shared_out(Counter(item.partition for item in items))
    shared: list[list[Item]] = [[] for _ in range(LANES)]
    for item in items:
        shared[lane_of[item.partition]].append(item)
    return [_units(lane, most) for lane in shared if lane]


def _units(lane: Sequence[Item], most: int) -> list[Sequence[Item]]:
    """As few as can be, and about as large, so that none is dear for a handful."""
    count = -(-len(lane) // most)
    bounds = [len(lane) * n // count for n in range(count + 1)]
    return [lane[start:end] for start, end in pairwise(bounds)]


def _shared_out(sizes: Mapping[int, int]) -> dict[int, int]:
    """A lane for each partition, the largest first, so that lanes are about as long."""
    lane_of: dict[int, int] = {}
    lengths = [0] * LANES
    for partition in sorted(sizes, key=lambda partition: (-sizes[partition], partition)):
        lane = lengths.index(min(lengths))
        lane_of[partition] = lane
        lengths[lane] += sizes[partition]
    return lane_of
