"""From the points of a measure to the events that it rests on.

Profile's timeline keeps touchpoints; what tickets and outreach told, scoring names itself.
"""

from collections.abc import Iterator
from typing import Any

from careline_cli.customer.profile_api import ask
from careline_scoring.model import kind_of, names_of

Event = dict[str, Any]


def add_events(found: dict[str, Any]) -> None:
    """Gives each contribution with evidence its `events`: touchpoints, then what was told."""
    for one in found["contributions"]:
        evidence = one["evidence"]
        if evidence is not None and evidence["since"] is not None:
            kinds = set(evidence["kinds"])
            one["events"] = [
                event
                for event in _touchpoints(found["customer"], evidence["since"], evidence["until"])
                if not kinds.isdisjoint(names_of(kind_of(event["type"], event["details"])))
            ] + evidence["sources"]


def _touchpoints(customer: str, since: str, until: str) -> Iterator[Event]:
    """All of a span, page by page."""
    asked: dict[str, Any] = {"since": since, "until": until, "limit": 500}
    while True:
        page = ask("GET", f"/v1/customers/{customer}/timeline", params=asked)
        yield from page["touchpoints"]
        if page["next"] is None:
            return
        asked["cursor"] = page["next"]
