"""A touchpoint on a timeline, how a page of it is asked for, and what channels come to."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Self

_CURSOR = re.compile(r"([0-9]{1,17})-([0-9a-f]{32})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Entry(NamedTuple):
    """A touchpoint as the timeline keeps it: what a person wrote or said is not in it."""

    token: str
    """Of the identity that it came by."""
    occurred_at: datetime
    event_key: str
    channel: str
    type: str
    body: dict[str, Any]

    @property
    def cursor(self) -> str:
        """Where the page ends whose last entry this is."""
        return str(Cursor(self.occurred_at, self.event_key))


class Contacts(NamedTuple):
    """A customer's touchpoints in one channel, all identities together."""

    channel: str
    touchpoints: int
    first_at: datetime
    last_at: datetime


class Cursor(NamedTuple):
    """A place on a timeline: what is older comes after it."""

    occurred_at: datetime
    event_key: str

    @classmethod
    def read(cls, text: str) -> Self:
        """The place that `str(cursor)` names; raises `ValueError`."""
        found = _CURSOR.fullmatch(text)
        if not found:
            raise ValueError("not a cursor of a timeline")
        return cls(_EPOCH + int(found[1]) * _MICROSECOND, found[2])

    def __str__(self) -> str:
        return f"{(self.occurred_at - _EPOCH) // _MICROSECOND}-{self.event_key}"


class Wanted(NamedTuple):
    """Which touchpoints are asked for; None asks for all."""

    channel: str | None = None
    type: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    """Exclusive."""
    after: Cursor | None = None
