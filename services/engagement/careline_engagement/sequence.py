"""Scoring's changes of a customer are followed in their order, whichever topic brings them first.

Tier, tag and risk come on three topics, which have no order among each other; but one `version`
counts all changes of a customer without a gap. A change that is early waits for those before it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from careline_contracts.events.scoring import TagName
from careline_engagement.model import Ruling

Verdict = Literal["tier", "value", "need", "risk"] | TagName


class Change(NamedTuple):
    """One verdict of scoring that became another."""

    version: int
    at: datetime
    verdict: Verdict
    to: str
    reasons: tuple[str, ...]
    event_id: str
    traceparent: str = ""


@dataclass(frozen=True)
class Standing:
    """How far scoring's changes of a customer have been followed, and what they came to."""

    number: str
    version: int = 0
    rulings: tuple[Ruling, ...] = ()
    """In order of version: what was said within the time that still matters, and what held then."""
    early: tuple[Change, ...] = ()
    """Ascending; a change before the first of them is missing."""

    def skip_missing(self) -> "Standing":
        """Gives up waiting for what comes before the first early change."""
        return replace(self, version=self.early[0].version - 1) if self.early else self


def follow(
    standing: Standing, heard: Iterable[Change] = (), *, kept: timedelta
) -> tuple[Standing, list[Change]]:
    """Follows every change whose turn it is, once, and returns these.

    Of the rulings that held longer than `kept` before the latest, the last of each verdict stays.
    """
    waiting = {change.version: change for change in (*standing.early, *heard)}
    version = standing.version
    followed: list[Change] = []
    while (change := waiting.get(version + 1)) is not None:
        version = change.version
        followed.append(change)
    early = tuple(change for number, change in sorted(waiting.items()) if number > version)
    rulings = [
        *standing.rulings,
        *(Ruling(c.version, c.at, c.verdict, c.to) for c in followed),
    ]
    return Standing(standing.number, version, _that_matter(rulings, kept), early), followed


def _that_matter(rulings: Sequence[Ruling], kept: timedelta) -> tuple[Ruling, ...]:
    if not rulings:
        return ()
    since = rulings[-1].at - kept
    held = {ruling.verdict: ruling for ruling in rulings if ruling.at <= since}
    return tuple(r for r in rulings if r.at > since or held[r.verdict] is r)
