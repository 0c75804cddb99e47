"""What becomes of promises, and what others are told of it: the traps of other desks by name."""

from datetime import datetime

import pytest

from careline_calendar.working import MOMENT
from careline_contracts.events.ticketing import (
    TicketBreached,
    TicketCorrected,
    TicketJoined,
    TicketOpened,
    TicketResponded,
)
from careline_ticketing import clocks
from careline_ticketing.model import Said, Ticket
from careline_ticketing.rules.changes import breached, changes
from tests.ticketing.by_hand import (
    answer,
    at,
    complaint,
    reopening,
    resolution,
    the_clock,
    the_ticket,
)


def verdict(ticket: Ticket, target: str, as_of: datetime) -> str:
    return clocks.verdict(the_clock(ticket, target), as_of)


def test_trap_a_late_ticket_is_not_booked_as_hit_because_it_was_resolved_before_the_poll() -> None:
    late = the_ticket(complaint(at(), reference="r1"), resolution(at(hours=48, minutes=1), "r1"))

    assert verdict(late, "resolution", at(hours=48, minutes=1)) == "missed"
    assert clocks.late_seconds(the_clock(late, "resolution"), at(days=9)) == 60


def test_trap_a_verdict_does_not_depend_on_when_it_is_asked_for() -> None:
    kept = the_ticket(complaint(at(), reference="r1"), answer(at(minutes=59), "r1"))

    assert {verdict(kept, "first_response", at(hours=n)) for n in range(1, 100)} == {"met"}


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        pytest.param(at(hours=1) - MOMENT, "met", id="just in time"),
        pytest.param(at(hours=1), "met", id="on the dot"),
        pytest.param(at(hours=1) + MOMENT, "missed", id="one moment late"),
    ],
)
def test_a_promise_is_kept_until_its_due_instant(moment: datetime, expected: str) -> None:
    ticket = the_ticket(complaint(at(), reference="r1"), answer(moment, "r1"))

    assert verdict(ticket, "first_response", at(days=1)) == expected


def test_a_running_promise_is_missed_from_the_moment_after_its_due_instant() -> None:
    ticket = the_ticket(complaint(at()))

    assert verdict(ticket, "first_response", at(hours=1)) == "running"
    assert clocks.late_at(the_clock(ticket, "first_response")) == at(hours=1) + MOMENT
    assert verdict(ticket, "first_response", at(hours=1) + MOMENT) == "missed"


def test_trap_reopening_does_not_escalate_at_once() -> None:
    ticket = the_ticket(
        complaint(at(), reference="r1"),
        resolution(at(hours=1), "r1"),
        reopening(at(days=20), "r1"),
    )

    assert breached(ticket, at(days=20)) == {}


# what others are told


def told(before: Ticket | None, after: Ticket, as_of: datetime) -> list[type]:
    said = None
    if before is not None:
        said = Said(before, "C1", "phone:of-C1", 1, breached=tuple(breached(before, as_of)))
    return [change.event for change in changes(said, after, as_of)]


def test_nothing_new_is_not_told() -> None:
    ticket = the_ticket(complaint(at()))

    assert told(ticket, ticket, at(days=9)) == []


def test_a_ticket_that_is_found_late_tells_its_whole_story() -> None:
    ticket = the_ticket(
        complaint(at(), reference="r1"),
        complaint(at(minutes=5)),
        answer(at(minutes=90), "r1"),
    )

    assert told(None, ticket, at(minutes=90)) == [
        TicketOpened,
        TicketJoined,
        TicketResponded,
        TicketBreached,
    ]


def test_a_late_answer_that_was_in_time_takes_the_breach_back() -> None:
    before = the_ticket(complaint(at(), reference="r1"))
    after = the_ticket(complaint(at(), reference="r1"), answer(at(minutes=30), "r1"))
    said = Said(before, "C1", "phone:of-C1", 2, breached=(("first_response", 0),))

    found = changes(said, after, at(hours=2))

    assert [change.event for change in found] == [TicketResponded, TicketCorrected]
    assert found[1].fields == {"withdrawn": ("first_response",), "withdrawn_rounds": (0,)}


def test_an_earlier_resolution_that_arrives_later_corrects_what_was_said() -> None:
    report, known = complaint(at(), reference="r1"), resolution(at(hours=5), "r1")
    before = the_ticket(report, known)
    after = the_ticket(report, known, resolution(at(hours=3), "r1"))

    assert TicketCorrected in told(before, after, at(hours=6))
    assert after.resolved_at == at(hours=3)
