"""What scoring has said of a customer: heard late or twice, it is the same in the end."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from careline_contracts.events.scoring import VerdictName
from careline_engagement.model import Ruling


class Change(NamedTuple):
    """One verdict of scoring that became another, by its decision `version`."""

    version: int
    at: datetime
    verdict: VerdictName
    to: str
    gained: tuple[str, ...]
    """The values that are new: each may begin a case."""
    reasons: tuple[str, ...]
    event_id: str
    traceparent: str = ""


class Standing(NamedTuple):
    """What scoring has said of a customer."""

    version: int = 0
    """Up to this decision none is missing."""
    rulings: tuple[Ruling, ...] = ()
    """In order of version: what was said within the time that still matters, and what held then."""

    def after(self, changes: Iterable[Change], *, kept: timedelta) -> "Standing":
        """The standing once these were heard, too.

        Of what held longer than `kept` before the latest, the last ruling of each verdict stays.
        """
        heard = {Ruling(c.version, c.at, c.verdict, c.to) for c in changes}
        # nearly in order already, and to look for what is known costs less than a set of it all
        rulings = sorted([*self.rulings, *(one for one in heard if one not in self.rulings)])
        version = self.version
        for ruling in rulings:
            if ruling.version == version + 1:
                version += 1
        return Standing(version, _that_matter(rulings, kept))


def _that_matter(rulings: Sequence[Ruling], kept: timedelta) -> tuple[Ruling, ...]:
    since = rulings[-1].at - kept
    held = {ruling.verdict: ruling for ruling in rulings if ruling.at <= since}
    return tuple(r for r in rulings if r.at > since or held[r.verdict] is r)
