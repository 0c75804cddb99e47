"""What will move if nothing happens: the decisions to come, each on its own change day."""

from collections.abc import Iterator

from careline_scoring.model import Decision, History
from careline_scoring.rules.decision import Rulebook


def decisions_to_come(
    rulebook: Rulebook, history: History, day: int, *, until: int
) -> Iterator[tuple[Decision, Decision]]:
    """Each decision that differs from the one before it, both, up to and on the day `until`."""
    now = rulebook.decide(history, day)
    while now.change_day <= until:
        then = rulebook.decide(history, now.change_day)
        yield now, then
        now = then
