"""From the value of a measure to its points: in steps, or along a line from corner to corner.

Points are whole hundredths. A line between two corners is an exact fraction, rounded down.
"""

from bisect import bisect_left, bisect_right
from decimal import Decimal
from typing import NamedTuple, Protocol

from careline_scoring.model import NEVER, Reading
from careline_scoring.policy.score import MeasureBase


class Segment(NamedTuple):
    """The piece of a curve on which a value lies: from this value on, below that one."""

    from_value: int | None
    below: int | None


class Curve(Protocol):
    """Points by value, and what a value must fall or rise to before they differ."""

    missing: int
    nothing: Reading
    """What is read without evidence."""
    at: list[int]

    def __call__(self, value: int) -> int: ...

    def floor(self, value: int) -> int | None:
        """From here up to `value` the points are the same; None when they are all the way down."""

    def next_value(self, value: int) -> int | None:
        """The first value above this one with other points."""


def curve_of(measure: MeasureBase, *, scale: int = 1) -> Curve:
    """The curve of a measure; values are `scale` times those of the policy."""
    return Steps(measure, scale=scale) if measure.steps else Line(measure, scale=scale)


def segment(curve: Curve, value: int) -> Segment:
    """Between which two steps or corners a value lies."""
    place = bisect_right(curve.at, value)
    return Segment(
        curve.at[place - 1] if place else None,
        curve.at[place] if place < len(curve.at) else None,
    )


def hundredths(points: Decimal) -> int:
    """Points as whole hundredths; the policy allows two decimals."""
    return int(points * 100)


class Steps:
    """The points of the last step that the value reaches, none below the first."""

    __slots__ = ("at", "missing", "next", "nothing", "points")

    def __init__(self, measure: MeasureBase, *, scale: int) -> None:
        self.at = [value * scale for value, _ in measure.curve]
        self.points = [0, *(hundredths(points) for _, points in measure.curve)]
        self.missing = hundredths(measure.missing.points)
        self.nothing = Reading(None, self.missing, NEVER)
        self.next = [self._after(step) for step in range(len(self.points))]

    def __call__(self, value: int) -> int:
        return self.points[bisect_right(self.at, value)]

    def floor(self, value: int) -> int | None:
        step = bisect_right(self.at, value)
        return self.at[step - 1] if step else None

    def next_value(self, value: int) -> int | None:
        return self.next[bisect_right(self.at, value)]

    def _after(self, step: int) -> int | None:
        points = self.points[step]
        higher = (self.at[i] for i in range(step, len(self.at)) if self.points[i + 1] != points)
        return next(higher, None)


class Line:
    """In proportion between two corners; none below the first, the last one's from there on."""

    __slots__ = ("at", "missing", "nothing", "points")

    def __init__(self, measure: MeasureBase, *, scale: int) -> None:
        self.at = [value * scale for value, _ in measure.curve]
        self.points = [hundredths(points) for _, points in measure.curve]
        self.missing = hundredths(measure.missing.points)
        self.nothing = Reading(None, self.missing, NEVER)

    def __call__(self, value: int) -> int:
        place = bisect_right(self.at, value)
        if place == 0:
            return 0
        if place == len(self.at):
            return self.points[-1]
        low, high = self.at[place - 1 : place + 1]
        points, then = self.points[place - 1 : place + 1]
        return points + (value - low) * (then - points) // (high - low)

    def floor(self, value: int) -> int | None:
        return value

    def next_value(self, value: int) -> int | None:
        points = self(value)
        for corner in self.at[bisect_right(self.at, value) :]:
            if self(corner) != points:
                # between two corners points go one way only
                between = range(value + 1, corner)
                return value + 1 + bisect_left(between, True, key=lambda v: self(v) != points)
            value = corner
        return None
