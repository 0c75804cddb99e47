"""What time alone brings: warnings, breaches, and the steps of an escalation."""

from datetime import datetime

from careline_contracts.events.ticketing import TicketEscalated
from tests.ticketing.by_hand import (
    DeskInMemory,
    answer,
    at,
    complaint,
    fault,
    pause,
    played,
    reply,
)


def alarms(desk: DeskInMemory, target: str) -> list[tuple[str, int, datetime]]:
    """The warnings, breaches and escalations of a promise, with per cent or step and instant."""
    return [
        (type(c).__name__, getattr(c, "percent", getattr(c, "step", 0)), c.as_of)
        for c in desk.changes
        if getattr(c, "target", None) == target
    ]


def test_warnings_come_before_the_breach_and_the_chain_goes_up_after_it() -> None:
    desk = played([fault(at(), "system_down")])
    desk.tick(at(hours=12))

    assert alarms(desk, "first_response") == [
        ("TicketWarned", 50, at(minutes=15)),
        ("TicketWarned", 75, at(minutes=22.5)),
        ("TicketBreached", 0, at(minutes=30)),
        ("TicketEscalated", 1, at(minutes=30)),
        ("TicketEscalated", 2, at(minutes=45)),
        ("TicketEscalated", 3, at(minutes=75)),
    ]


def test_an_escalation_says_by_when_its_step_must_have_acted() -> None:
    desk = played([complaint(at(hours=5))])
    desk.tick(at(days=5))

    steps = [c for c in desk.changes if isinstance(c, TicketEscalated)]
    first, second = (c for c in steps if c.target == "first_response")
    assert (first.to, first.due_at) == ("team_lead", at(days=1, hours=1)), "four working hours"
    assert (second.to, second.as_of) == ("service_manager", first.due_at)


def test_trap_nothing_goes_up_once_the_promise_is_kept_after_all() -> None:
    desk = played([fault(at(), "system_down", reference="r1"), answer(at(minutes=40), "r1")])
    desk.tick(at(hours=12))

    assert [what for what, _, _ in alarms(desk, "first_response")][-1] == "TicketEscalated"
    assert [n for what, n, _ in alarms(desk, "first_response") if what == "TicketEscalated"] == [1]


def test_trap_a_pause_is_no_reason_to_warn_and_what_was_said_is_not_said_again() -> None:
    desk = played([complaint(at(), reference="r1"), answer(at(minutes=1), "r1")])
    desk.hear([pause(at(hours=37), "r1")])
    desk.tick(at(days=20))
    assert alarms(desk, "resolution") == [("TicketWarned", 75, at(hours=36))]

    desk.hear([reply(at(days=20), "r1")])
    desk.tick(at(days=20, hours=12))
    assert [what for what, _, _ in alarms(desk, "resolution")] == [
        "TicketWarned",
        "TicketBreached",
        "TicketEscalated",
    ]


def test_trap_what_is_long_over_when_we_hear_of_it_floods_nobody() -> None:
    """A log that comes a year late: the breaches are said, no warning and no escalation of then."""
    desk = played([complaint(at(), recorded_at=at(days=365))])

    assert {type(change).__name__ for change in desk.changes} == {"TicketOpened", "TicketBreached"}
