"""TAG-4 from behaviour: the stage of life as a customer, and what somebody prefers.

Something is preferred while its n-th last occurrence lies in the window: it needs no more than the
days on which it occurred, and the day on which that one leaves is the day it ends.
"""

from bisect import bisect_right

from careline_contracts.events.scoring import TagName
from careline_scoring.model import EMPTY, NEVER, History, Tags
from careline_scoring.policy import tags as policy

TAGS: tuple[TagName, ...] = ("channel", "product", "part_of_day")
"""Preferences, in the order in which they are said."""


class HabitRules:
    """Life cycle and preferences by one policy."""

    def __init__(self, rules: policy.Tags) -> None:
        self._silent = rules.life_cycle.dormant.silent_days
        self.preferences: tuple[tuple[TagName, policy.Preference], ...] = tuple(
            (tag, getattr(rules.preferences, tag)) for tag in TAGS
        )
        self._lines = [(tag, rule.at_least, rule.window_days) for tag, rule in self.preferences]

    def life_cycle(self, history: History, day: int) -> tuple[Tags, int]:
        """The stage on `day`, and the first later day on which it is another."""
        bought = history.series.get("purchase", EMPTY).last_day(day)
        if bought is None:
            return (("life_cycle", ("prospect",)),), NEVER
        last = history.series.get("contact", EMPTY).last_day(day)
        silent_day = (bought if last is None else last) + self._silent
        if day >= silent_day:
            return (("life_cycle", ("dormant",)),), NEVER
        return (("life_cycle", ("active",)),), silent_day

    def preferred(self, history: History, day: int) -> tuple[Tags, int]:
        """What is preferred on `day`, and the first later day on which something no longer is."""
        found, change_day = [], NEVER
        for (tag, at_least, window), habits in zip(self._lines, history.habits, strict=True):
            values = []
            for value, days in habits.items():
                if len(days) < at_least:
                    continue
                last = len(days) if days[-1] <= day else bisect_right(days, day)
                if last >= at_least and (ends := days[last - at_least] + window) > day:
                    values.append(value)
                    change_day = min(change_day, ends)
            if values:
                found.append((tag, tuple(sorted(values))))
        return tuple(found), change_day

    def occurrences(self, history: History, tag: TagName, value: str, day: int) -> int:
        """How often a value occurred within the window of its tag."""
        place = TAGS.index(tag)
        days, window = history.habits[place].get(value, ()), self._lines[place][2]
        return bisect_right(days, day) - bisect_right(days, day - window)
