"""Measures that share a cap: what each of them still counts, and until which day.

In the order of the policy each measure brings its points until the cap is reached; what is over
does not count. So the contributions of a group sum to what it brings.
"""

from collections.abc import Sequence

from careline_scoring.model import NEVER, History, Reading
from careline_scoring.policy.score import Group
from careline_scoring.rules.curves import hundredths
from careline_scoring.rules.measures import Reader


class GroupReader:
    """The measures of one group."""

    def __init__(self, readers: Sequence[Reader], group: Group) -> None:
        self._readers = tuple(readers)
        self._cap = hundredths(group.at_most)

    def read(self, history: History, day: int) -> list[Reading]:
        """What each measure says on `day`, with the points that count."""
        # a later day is looked at by what is known on this one
        history = history if day >= history.last_day else history.until(day)
        first = [reader.read(history, day) for reader in self._readers]
        points, changes = self._counted(first), [NEVER] * len(first)
        next_day = min(reading.change_day for reading in first)
        while next_day != NEVER and NEVER in changes:
            then = [reader.read(history, next_day) for reader in self._readers]
            for place, (was, now) in enumerate(zip(points, self._counted(then), strict=True)):
                if was != now and changes[place] == NEVER:
                    changes[place] = next_day
            next_day = min(reading.change_day for reading in then)
        return [
            Reading(reading.value, counted, change_day)
            for reading, counted, change_day in zip(first, points, changes, strict=True)
        ]

    def ask(self, history: History, day: int) -> tuple[list[int], int]:
        """The points that count, and the first day on which any of them differ."""
        readings = self.read(history, day)
        return [r.points for r in readings], min(r.change_day for r in readings)

    def _counted(self, readings: Sequence[Reading]) -> list[int]:
        left, counted = self._cap, []
        for reading in readings:
            counted.append(min(reading.points, left))
            left -= counted[-1]
        return counted
