"""Hysteresis without memory: up at once, down only after the lower verdict has held.

What holds on a day is the best verdict of the last so many days, computed from the facts as they
are known now. So neither the order of events nor a restart can change it.
"""

from collections.abc import Callable

from careline_scoring.model import NEVER

Look = Callable[[int], tuple[int, int]]
"""The verdict on a day as a rank, and the next day on which it may differ (none is left out)."""


def best_of_held_days(look: Look, day: int, *, hold_days: int, lowest: int) -> tuple[int, int]:
    """The rank that holds on `day`, and the first later day on which another does."""
    best, best_day = -1, day
    run_day = day - hold_days + 1
    while True:  # the days that are held, up to today
        rank, until = look(run_day)
        if rank >= best:
            best, best_day = rank, until - 1
        if until > day:
            break
        run_day = until
    while until != NEVER:  # the days to come
        if best_day + hold_days < until:
            break
        rank, after = look(until)
        if rank > best:
            return best, until
        if rank == best:
            best_day = after - 1
        until = after
    if best_day + 1 == NEVER or best == lowest:
        return best, NEVER
    return best, best_day + hold_days
