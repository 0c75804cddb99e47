"""What becomes of tickets, and what is said of it, story by story."""

from datetime import datetime

import pytest

from careline_calendar.working import MOMENT
from careline_contracts.events.ticketing import (
    TicketBreached,
    TicketCorrected,
    TicketMoved,
    TicketResponded,
)
from tests.ticketing.by_hand import (
    POLICY,
    DeskInMemory,
    answer,
    at,
    complaint,
    enquiry,
    merge,
    played,
    reopening,
    resolution,
)


def said(desk: DeskInMemory) -> list[str]:
    """The changes by their names (opened, joined, …), without the alarms on the way."""
    names = (change.type.removeprefix("careline.ticket.") for change in desk.changes)
    found = [name.removesuffix(".v1") for name in names]
    return [name for name in found if name not in ("warned", "escalated")]


def test_the_life_of_a_ticket() -> None:
    desk = played(
        [
            complaint(at(), reference="r1"),
            complaint(at(minutes=20), channel="phone"),
            answer(at(minutes=50), "r1"),
            resolution(at(hours=50), "r1"),
            reopening(at(hours=60), "r1"),
        ]
    )

    assert said(desk) == [
        "opened",
        "joined",
        "responded",
        "breached",
        "resolved",
        "reopened",
    ]
    [state] = desk.states.values()
    assert (state.status, state.touchpoints) == ("open", 5)
    assert state.version == len(desk.changes)


def test_trap_a_verdict_waits_for_no_poll() -> None:
    """Resolved late, while nobody looked: the breach is said, at its instant, before the end."""
    desk = played([complaint(at(), reference="r1"), resolution(at(hours=49), "r1")])

    breaches = [change for change in desk.changes if isinstance(change, TicketBreached)]
    assert [(b.target, b.due_at) for b in breaches] == [
        ("first_response", at(hours=1)),
        ("resolution", at(hours=48)),
    ]
    assert said(desk)[-1] == "resolved"


@pytest.mark.parametrize(
    ("answered_at", "breached"),
    [
        pytest.param(at(hours=1), False, id="on the dot"),
        pytest.param(at(hours=1) + MOMENT, True, id="a moment late"),
    ],
)
def test_an_answer_at_the_due_instant_meets_no_breach(
    answered_at: datetime, breached: bool
) -> None:
    desk = played([complaint(at(), reference="r1")])
    desk.tick(at(hours=1))
    desk.hear([answer(answered_at, "r1")])

    assert ("breached" in said(desk)) is breached


def test_a_breach_is_said_once() -> None:
    desk = played([complaint(at())])
    for hour in range(72):
        desk.tick(at(hours=hour))

    assert said(desk) == ["opened", "breached", "breached"]


def test_an_answer_that_arrives_before_its_report_waits_for_it() -> None:
    desk = played([answer(at(minutes=30), "r1")])
    assert desk.changes == []

    desk.hear([complaint(at(), reference="r1", recorded_at=at(hours=3))])
    assert said(desk) == ["opened", "responded"]
    [state] = desk.states.values()
    assert [c.breached_at for c in state.clocks] == [None, None]


def test_a_report_that_arrives_after_its_due_instant_is_breached_at_once() -> None:
    desk = played([enquiry(at(hours=5)), complaint(at())])

    assert said(desk) == ["opened", "opened", "breached"]
    assert desk.changes[-1].as_of == at(hours=5)


def test_a_breach_is_taken_back_when_the_answer_was_only_late_to_arrive() -> None:
    desk = played([complaint(at(), reference="r1")])
    desk.tick(at(hours=2))
    desk.hear([answer(at(minutes=30), "r1", recorded_at=at(hours=3))])

    assert said(desk) == ["opened", "breached", "responded", "corrected"]
    correction = desk.changes[-1]
    assert isinstance(correction, TicketCorrected)
    assert correction.withdrawn == ("first_response",)
    [state] = desk.states.values()
    assert [c.breached_at for c in state.clocks] == [None, None]


def test_an_earlier_report_that_arrives_late_takes_the_ticket_over() -> None:
    second, first = complaint(at(hours=1)), complaint(at(), recorded_at=at(hours=2))
    desk = played([second, first])

    assert said(desk)[-1] == "merged"
    [live] = desk.tickets.values()
    assert live.opened_at == at()
    merged = next(s for s in desk.states.values() if s.status == "merged")
    assert merged.merged_into == live.id


def test_customers_found_to_be_one_bring_their_tickets_along() -> None:
    desk = played(
        [
            complaint(at(), customer="C1", category="billing", reference="r1"),
            complaint(at(minutes=10), customer="C2", category="delivery", reference="r2"),
            merge("C1", "C2", at=at(minutes=20)),
            answer(at(minutes=30), "r2", customer="C2"),
        ]
    )

    moved = [change for change in desk.changes if isinstance(change, TicketMoved)]
    assert [(m.customer, m.previous_customer) for m in moved] == [("C1", "C2")]
    assert {state.customer for state in desk.states.values()} == {"C1"}
    responded = desk.changes[-1]
    assert isinstance(responded, TicketResponded)
    assert responded.ticket == moved[0].ticket, "the number stays"


def test_one_problem_in_two_channels_of_one_person_becomes_one_ticket() -> None:
    desk = played(
        [
            complaint(at(), customer="C1", channel="chat", reference="chat-1"),
            complaint(at(minutes=10), customer="C2", channel="phone", reference="phone-1"),
            merge("C1", "C2", at=at(minutes=20)),
            resolution(at(minutes=30), "phone-1", customer="C1"),
        ]
    )

    [ticket] = desk.tickets.values()
    assert ticket.resolved_at == at(minutes=30)
    assert sorted(state.status for state in desk.states.values()) == ["merged", "resolved"]


def test_an_answer_of_another_customer_with_the_same_number_is_not_ours() -> None:
    desk = played(
        [
            complaint(at(), customer="C1", reference="17"),
            answer(at(minutes=5), "17", customer="C2"),
        ]
    )

    assert said(desk) == ["opened"]


def test_a_new_policy_moves_no_promise_that_was_given() -> None:
    """Closed tickets are not judged again, open ones keep their deadlines."""
    desk = played(
        [
            complaint(at(), category="billing", reference="r1"),
            resolution(at(minutes=50), "r1"),
            complaint(at(), category="delivery"),
        ]
    )
    hasty = tuple(p.model_copy(update={"within_minutes": 5}) for p in POLICY.promises["complaint"])
    desk.policy = POLICY.model_copy(update={"promises": {**POLICY.promises, "complaint": hasty}})
    desk.hear([complaint(at(minutes=57), category="price")])
    assert said(desk) == ["opened", "resolved", "opened", "opened"]
    desk.tick(at(hours=2))

    breaches = [change for change in desk.changes if isinstance(change, TicketBreached)]
    assert [b.due_at for b in breaches] == [at(hours=1), at(minutes=62), at(minutes=62)]
