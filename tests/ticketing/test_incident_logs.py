"""A service desk's own log, through its mapping file: its tickets and their promises."""

import json
from pathlib import Path

from careline_cli.mapping import read_mapping
from careline_cli.outgoing import Outgoing
from careline_cli.rows import Rows
from careline_cli.translation import Translation
from careline_ticketing import clocks
from careline_ticketing.model import Ticket
from tests.ticketing.by_hand import Event, at, event, tickets

EXAMPLES = Path(__file__).parents[2] / "docs/examples/import"


def tickets_of(name: str) -> dict[str, Ticket]:
    """The tickets that an example's rows make, by their number in the log."""
    mapping = read_mapping(EXAMPLES / f"{name}.yaml")
    rows = Rows(EXAMPLES / f"{name}.csv", mapping.layout, needs=mapping.used_columns)
    translation = Translation(mapping, source=f"/import/{name}")
    found = [one for row in rows for one in translation.touchpoints(row)]
    refused = [one for one in found if not isinstance(one, Outgoing)]
    assert refused == []
    # what a later row says again is a repetition
    first = {one.id: one for one in reversed(found) if isinstance(one, Outgoing)}
    events: dict[str, list[Event]] = {}
    for one in first.values():
        data = json.loads(one.data)
        type_ = one.type.removeprefix("careline.").removesuffix(".v1")
        body = {k: v for k, v in data.items() if k not in ("identities", "via")}
        happened = event(type_, one.occurred_at, id=one.id, **body)
        events.setdefault(data["reference"], []).append(happened)
    return {number: tickets(one)[0] for number, one in events.items()}


def verdicts(ticket: Ticket) -> dict[tuple[str, int], str]:
    return {(c.target, c.round): clocks.verdict(c, at(days=400)) for c in ticket.clocks}


def test_servicenow() -> None:
    found = tickets_of("servicenow")

    assert {number: ticket.state for number, ticket in found.items()} == {
        "INC0000045": "closed",
        "INC0000047": "resolved",
    }
    assert verdicts(found["INC0000045"]) == {
        ("first_response", 0): "met",
        ("temporary_fix", 0): "met",
        ("resolution", 0): "met",
    }
    assert [(w.party, w.until is None) for w in found["INC0000045"].waits] == [("customer", False)]
    assert verdicts(found["INC0000047"]) == {
        ("first_response", 0): "missed",
        ("resolution", 0): "met",
        ("resolution", 1): "met",
    }
    assert found["INC0000047"].holder is not None
    assert found["INC0000047"].holder.team == "Group 24"


def test_jira() -> None:
    found = tickets_of("jira")

    assert verdicts(found["SUP-101"])["first_response", 0] == "met"
    assert verdicts(found["SUP-102"])["first_response", 0] == "missed"
    assert found["SUP-103"].state == "open"
