"""While something serious is broken, nobody is sold anything: when a case may go on (RET-1)."""

from collections.abc import Collection, Iterable
from datetime import datetime

from careline_engagement.model import Fact

OPENED, CLOSED = "ticket.opened", "ticket.closed"
"""Kinds of fact: `detail` names the ticket; of an opening, level and ticket."""


def opened(level: str) -> str:
    """The kind of fact that says that a ticket of this level was opened."""
    return f"{OPENED}/{level}"


def released(at: datetime, facts: Iterable[Fact], levels: Collection[str]) -> datetime | None:
    """The first instant from `at` on without an open ticket of such a level; None: not in sight."""
    kinds = {opened(level) for level in levels}
    about = sorted(fact for fact in facts if kinds and (fact.kind in kinds or fact.kind == CLOSED))
    open_tickets: set[str] = set()
    for fact in about:
        if fact.at > at and not open_tickets:
            return at
        if fact.kind == CLOSED:
            open_tickets.discard(fact.detail)
        else:
            open_tickets.add(fact.detail)
        at = max(at, fact.at) if fact.at > at else at
    return None if open_tickets else at
