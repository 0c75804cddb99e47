"""An event on its way to ingest, and how events of several sources become one stream in time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from careline_client import Event

MAX_SORTED_EVENTS = 2_000_000
"""About 1 GB of memory: what a replay may hold, since it must send in order of time."""


@dataclass(frozen=True, slots=True)
class Outgoing(Event):
    """An event that was made of a row; `line` and `text` say which."""

    line: int = 0
    text: str = ""


class TooManyEvents(Exception):
    """More events than can be put in order in memory."""


def in_order_of_time(events: Iterable[Outgoing]) -> list[Outgoing]:
    """All events by time, those of one instant as they came; at most `MAX_SORTED_EVENTS`."""
    held: list[Outgoing] = []
    for event in events:
        if len(held) == MAX_SORTED_EVENTS:
            raise TooManyEvents(f"more than {MAX_SORTED_EVENTS:,} events")
        held.append(event)
    held.sort(key=lambda event: event.occurred_at)
    return held


def slices(
    events: Iterable[Outgoing], step: timedelta
) -> Iterator[tuple[datetime, list[Outgoing]]]:
    """Events in order of time, cut into slices of `step`: each slice's end, and what precedes it.

    Slices without events are left out. The first slice begins at the first event's midnight (in
    the event's own time zone), so that slices of days end with the business day.
    """
    start: datetime | None = None

    def slice_end(event: Outgoing) -> datetime:
        nonlocal start
        if start is None:
            start = event.occurred_at.replace(hour=0, minute=0, second=0, microsecond=0)
        return start + ((event.occurred_at - start) // step + 1) * step

    for end, group in groupby(events, key=slice_end):
        yield end, list(group)
