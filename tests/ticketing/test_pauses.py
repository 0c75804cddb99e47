"""Pauses save no promise that was lost: they are kept, explained, and doubted where it is due."""

from datetime import datetime

import pytest

from careline_contracts.events.ticketing import TicketBreached, TicketEscalated
from careline_ticketing.policy import InForce
from careline_ticketing.rules.pauses import doubtful
from careline_ticketing.rules.reading import Reading
from tests.ticketing.by_hand import (
    POLICY,
    DeskInMemory,
    Event,
    always,
    answer,
    at,
    complaint,
    fault,
    pause,
    reply,
    resumption,
    the_clock,
    the_ticket,
)

SHORTLY_BEFORE = at(hours=47, minutes=45)


def test_a_pause_shortly_before_the_breach_that_no_customer_ended_is_doubtful() -> None:
    ticket = the_ticket(
        complaint(at(), reference="r"),
        pause(SHORTLY_BEFORE, "r", agent="wang"),
        resumption(at(hours=60), "r", agent="wang"),
    )

    [found] = doubtful(ticket, always(POLICY))
    assert (found.target, found.agent) == ("resolution", "wang")
    assert (found.since, found.until) == (SHORTLY_BEFORE, at(hours=60))
    assert found.left == at(hours=48) - SHORTLY_BEFORE


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(
            [pause(SHORTLY_BEFORE, "r"), reply(at(hours=60), "r")], id="the customer answered"
        ),
        pytest.param(
            [pause(at(hours=40), "r"), resumption(at(hours=60), "r")], id="hours were left"
        ),
        pytest.param(
            [pause(at(hours=49), "r"), resumption(at(hours=60), "r")], id="it was broken already"
        ),
        pytest.param(
            [pause(SHORTLY_BEFORE, "r", "third_party"), resumption(at(hours=60), "r")],
            id="it saves nothing to wait for a third party",
        ),
        pytest.param([pause(SHORTLY_BEFORE, "r")], id="it goes on"),
    ],
)
def test_other_pauses_are_not(events: list[Event]) -> None:
    ticket = the_ticket(complaint(at(), reference="r"), *events)

    assert doubtful(ticket, always(POLICY)) == []


def alarms(desk: DeskInMemory) -> list[tuple[type, datetime]]:
    return [
        (type(change), change.as_of)
        for change in desk.changes
        if isinstance(change, TicketBreached | TicketEscalated) and change.target == "resolution"
    ]


def test_trap_who_comes_back_with_a_minute_left_is_not_escalated_at_once() -> None:
    """The verdict is strict, the chain has mercy: a quarter of an hour from the return on."""
    desk = DeskInMemory()
    back = at(days=7)
    desk.hear([fault(at(), reference="r"), answer(at(minutes=1), "r")])
    desk.hear([pause(at(hours=47, minutes=59), "r")])
    desk.hear([reply(back, "r")])
    desk.tick(at(days=7, hours=1))

    assert alarms(desk) == [
        (TicketBreached, at(days=7, minutes=1)),
        (TicketEscalated, at(days=7, minutes=15)),
    ]


def test_trap_a_pause_is_not_lost_when_the_sla_changes() -> None:
    """The policy is replaced in the middle of a pause, and the customer's hours stay theirs."""
    hasty = tuple(
        promise.model_copy(update={"within_minutes": 5, "pauses_for": ()})
        for promise in POLICY.promises["complaint"]
    )
    changed = POLICY.model_copy(update={"promises": {**POLICY.promises, "complaint": hasty}})
    events = [
        complaint(at(), reference="r"),
        pause(at(hours=10), "r"),
        reply(at(hours=30), "r"),
    ]

    def in_force_at(instant: datetime) -> InForce:
        return InForce(POLICY if instant < at(hours=20) else changed, "test")

    [ticket] = Reading([event.fact for event in events], in_force_at).tickets
    assert the_clock(ticket, "resolution").due_at == at(hours=68), (
        "48 hours and the 20 of the pause"
    )
