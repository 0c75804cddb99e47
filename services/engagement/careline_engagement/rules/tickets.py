"""While something serious is broken, nobody is sold anything: when a case may go on (RET-1)."""

from collections.abc import Collection, Iterable
from datetime import datetime
from operator import attrgetter

from careline_engagement.model import Fact

OPENED, REOPENED, CLOSED = "ticket.opened", "ticket.reopened", "ticket.closed"
"""Kinds of fact; `detail` names the ticket."""


def opened(level: str) -> str:
    """The kind of fact that says that a ticket of this level was opened."""
    return f"{OPENED}/{level}"


def released(at: datetime, facts: Iterable[Fact], levels: Collection[str]) -> datetime | None:
    """The first instant from `at` on without an open ticket of such a level; None: not in sight.

    A ticket that was reported late, or that a merge brought, may open and close at one instant.
    """
    if not levels:
        return at
    serious, open_now = {opened(level) for level in levels}, set[str]()
    known = set[str]()
    changes = (fact for fact in facts if fact.kind.startswith("ticket."))
    for fact in sorted(changes, key=attrgetter("at", "version")):
        if fact.at > at and not open_now:
            return at
        at = max(at, fact.at) if open_now else at
        if fact.kind in serious:
            known.add(fact.detail)
        if fact.kind == CLOSED:
            open_now.discard(fact.detail)
        elif fact.detail in known:
            open_now.add(fact.detail)
    return None if open_now else at
