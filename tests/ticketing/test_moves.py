"""What may happen to a ticket in each state, and what a promise makes of it: the table, played."""

from typing import get_args

import pytest

from careline_ticketing.model import MOVES, Act, State, Ticket
from tests.ticketing.by_hand import (
    Event,
    answer,
    assignment,
    at,
    closing,
    complaint,
    fault,
    fix,
    pause,
    priority,
    rating,
    reopening,
    reply,
    resolution,
    resumption,
    the_clock,
    the_ticket,
)

REPORT = complaint(at(), reference="r1")


def test_every_state_has_its_moves_and_every_move_leads_to_a_state() -> None:
    assert MOVES.keys() == set(get_args(State))
    for moves in MOVES.values():
        assert moves.keys() < set(get_args(Act))
        assert set(moves.values()) <= MOVES.keys()


def acts(ticket: Ticket) -> list[str]:
    return [step.act for step in ticket.steps]


@pytest.mark.parametrize(
    ("events", "state"),
    [
        pytest.param([pause(at(hours=1), "r1")], "waits_for_customer", id="waits for the customer"),
        pytest.param(
            [pause(at(hours=1), "r1", "third_party")], "waits_for_third_party", id="or for others"
        ),
        pytest.param(
            [pause(at(hours=1), "r1"), reply(at(hours=2), "r1")], "open", id="the customer replies"
        ),
        pytest.param(
            [pause(at(hours=1), "r1"), complaint(at(hours=2), channel="phone")],
            "open",
            id="or calls about it",
        ),
        pytest.param(
            [pause(at(hours=1), "r1", "third_party"), reply(at(hours=2), "r1")],
            "waits_for_third_party",
            id="the customer's word does not bring the spare part",
        ),
        pytest.param(
            [pause(at(hours=1), "r1"), answer(at(hours=2), "r1")],
            "waits_for_customer",
            id="our own word ends no wait for the customer's",
        ),
        pytest.param(
            [pause(at(hours=1), "r1"), pause(at(hours=2), "r1", "third_party")],
            "waits_for_third_party",
            id="one wait follows another",
        ),
        pytest.param(
            [pause(at(hours=1), "r1"), resolution(at(hours=2), "r1")], "resolved", id="solved"
        ),
        pytest.param([closing(at(hours=2), "r1")], "closed", id="closed without a word"),
        pytest.param(
            [resolution(at(hours=1), "r1"), closing(at(hours=2), "r1")],
            "closed",
            id="solved and closed",
        ),
        pytest.param(
            [closing(at(hours=2), "r1"), reopening(at(hours=3), "r1")], "open", id="opened again"
        ),
        pytest.param(
            [resolution(at(hours=1), "r1"), reply(at(hours=2), "r1")],
            "resolved",
            id="a word of thanks re-opens nothing",
        ),
    ],
)
def test_events_lead_from_state_to_state(events: list[Event], state: str) -> None:
    assert the_ticket(REPORT, *events).state == state


@pytest.mark.parametrize(
    "void",
    [
        pytest.param([resumption(at(hours=1), "r1")], id="going on with what did not stand still"),
        pytest.param([rating(at(hours=1), "r1", 9)], id="a rating before the resolution"),
        pytest.param([reopening(at(hours=1), "r1")], id="opening what is open"),
    ],
)
def test_what_has_no_place_leaves_no_trace(void: list[Event]) -> None:
    assert the_ticket(REPORT, *void) == the_ticket(REPORT)


def test_satisfaction_counts_once_per_resolution() -> None:
    ticket = the_ticket(
        REPORT,
        resolution(at(hours=1), "r1"),
        rating(at(hours=2), "r1", 3),
        rating(at(hours=3), "r1", 10),
        reopening(at(hours=4), "r1"),
        resolution(at(hours=5), "r1"),
        rating(at(hours=6), "r1", 9),
    )

    assert [step.detail for step in ticket.steps if step.act == "rated"] == ["3", "9"]


# promises


def test_a_fix_keeps_the_temporary_fix_and_is_an_answer() -> None:
    ticket = the_ticket(fault(at(), reference="r1"), fix(at(minutes=40), "r1"))

    assert the_clock(ticket, "temporary_fix").stopped_at == at(minutes=40)
    assert the_clock(ticket, "first_response").stopped_at == at(minutes=40)
    assert the_clock(ticket, "resolution").stopped_at is None


def test_who_speaks_again_after_the_answer_is_promised_the_next_one() -> None:
    ticket = the_ticket(
        REPORT,
        answer(at(minutes=30), "r1"),
        reply(at(hours=1), "r1"),
        reply(at(hours=2), "r1"),
        answer(at(hours=3), "r1"),
        reply(at(hours=4), "r1"),
    )

    first, second = (c for c in ticket.clocks if c.target == "next_response")
    assert (first.started_at, first.due_at, first.stopped_at) == (
        at(hours=1),
        at(hours=5),
        at(hours=3),
    )
    assert (second.round, second.started_at, second.stopped_at) == (1, at(hours=4), None)


def test_who_speaks_again_before_the_first_answer_waits_for_that() -> None:
    ticket = the_ticket(REPORT, reply(at(minutes=10), "r1"))

    assert [clock.target for clock in ticket.clocks] == ["first_response", "resolution"]


def test_a_graver_level_brings_promises_forward_and_a_milder_one_counts_from_the_start() -> None:
    report = fault(at(), reference="r1")
    graver = the_ticket(report, priority(at(hours=1), "r1", "L1"))
    milder = the_ticket(report, priority(at(hours=1), "r1", "L3"))

    assert (graver.level, milder.level) == ("L1", "L3")
    assert the_clock(graver, "resolution").due_at == at(hours=25)
    assert the_clock(milder, "resolution").due_at == at(hours=24)
    assert [clock.target for clock in milder.clocks] == ["first_response", "resolution"]


def test_trap_a_change_of_priority_keeps_the_pause() -> None:
    ticket = the_ticket(
        fault(at(), reference="r1"),
        pause(at(hours=2), "r1"),
        reply(at(hours=12), "r1"),
        priority(at(hours=13), "r1", "L3"),
    )

    assert the_clock(ticket, "resolution").due_at == at(hours=24 + 10)


def test_a_report_is_nobodys_and_an_assigned_ticket_has_a_holder() -> None:
    ticket = the_ticket(
        REPORT,
        assignment(at(minutes=5), "r1", team="returns"),
        assignment(at(minutes=9), "r1", team="returns", agent="li"),
    )

    assert the_ticket(REPORT).holder is None
    assert ticket.holder is not None and ticket.holder.agent == "li"
    assert acts(ticket) == ["opened", "assigned", "assigned"]
