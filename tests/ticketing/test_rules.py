"""Which tickets the facts make, and what becomes of their promises."""

from datetime import datetime, timedelta

import pytest

from careline_ticketing.model import Ticket
from careline_ticketing.rules.changes import breached
from tests.ticketing.by_hand import (
    POLICY,
    Event,
    answer,
    at,
    complaint,
    enquiry,
    event,
    fault,
    reopening,
    resolution,
    the_clock,
    the_ticket,
    tickets,
)


def acts(ticket: Ticket) -> list[str]:
    return [step.act for step in ticket.steps]


# levels and promises (SLA-1)


@pytest.mark.parametrize(
    ("report", "kind", "level", "due"),
    [
        pytest.param(
            fault(at(), "system_down"),
            "fault",
            "L1",
            {"first_response": at(minutes=30), "resolution": at(days=1)},
            id="system down: intervention within 30 minutes",
        ),
        pytest.param(
            fault(at(), "function_broken"),
            "fault",
            "L2",
            {
                "first_response": at(hours=1),
                "temporary_fix": at(hours=2),
                "resolution": at(hours=48),
            },
            id="function broken: temporary fix within 2 hours",
        ),
        pytest.param(
            fault(at(), "question"),
            "fault",
            "L3",
            {"first_response": at(hours=1), "resolution": at(hours=24)},
            id="question about a fault: written answer within 24 hours",
        ),
        pytest.param(
            enquiry(at()),
            "enquiry",
            "L3",
            {"first_response": at(hours=1), "resolution": at(hours=24)},
            id="enquiry: written answer within 24 hours",
        ),
        pytest.param(
            complaint(at()),
            "complaint",
            "L3",
            {"first_response": at(hours=1), "resolution": at(hours=48)},
            id="complaint: solution within 48 hours",
        ),
        pytest.param(
            complaint(at(hours=10)),
            "complaint",
            "L3",
            {"first_response": at(hours=24), "resolution": at(hours=58)},
            id="at eight in the evening the first response waits for the morning",
        ),
        pytest.param(
            fault(at(hours=10), "system_down"),
            "fault",
            "L1",
            {"first_response": at(hours=10.5), "resolution": at(hours=34)},
            id="at eight in the evening an emergency does not wait",
        ),
    ],
)
def test_a_report_opens_a_ticket(
    report: Event, kind: str, level: str, due: dict[str, datetime]
) -> None:
    ticket = the_ticket(report)

    assert (ticket.kind, ticket.level) == (kind, level)
    assert {clock.target: clock.due_at for clock in ticket.clocks} == due


def test_a_return_opens_no_ticket_unless_the_policy_says_so() -> None:
    returned = event("purchase.returned", at())
    rule = {"kind": "after_sales", "level": "L3", "promises": "complaint"}
    rules_with_returns = {**POLICY.model_dump()["rules"], "purchase.returned": rule}
    policy = type(POLICY).model_validate(
        {**POLICY.model_dump(), "calendars": POLICY.calendars, "rules": rules_with_returns}
    )

    assert tickets([returned]) == []
    assert [ticket.kind for ticket in tickets([returned], policy)] == ["after_sales"]
    assert "careline.purchase.returned.v1" not in POLICY.types
    assert "careline.purchase.returned.v1" in policy.types


def test_a_number_depends_on_the_opening_event_alone() -> None:
    alone = the_ticket(complaint(at(), reference="r1"))
    grown = the_ticket(complaint(at(), reference="r1"), answer(at(hours=1), "r1"))

    assert alone.id == grown.id
    assert alone.id != the_ticket(complaint(at(minutes=1), reference="r1")).id
    assert alone.id.startswith("T") and len(alone.id) == 14


# one problem, one ticket (SLA-5)


@pytest.mark.parametrize(
    ("second", "count"),
    [
        pytest.param(complaint(at(hours=2), channel="phone"), 1, id="the same in another channel"),
        pytest.param(complaint(at(hours=2), product="router"), 1, id="product named only once"),
        pytest.param(complaint(at(hours=2), reference="r2"), 1, id="under a number of its own"),
        pytest.param(complaint(at(hours=2), category="billing"), 2, id="another category"),
        pytest.param(fault(at(hours=2)), 2, id="another kind"),
        pytest.param(complaint(at(days=7)), 1, id="on the seventh day"),
        pytest.param(complaint(at(days=7, minutes=1)), 2, id="after the seventh day"),
        pytest.param(complaint(at(days=9), reference="r1"), 1, id="late, but with its number"),
        pytest.param(fault(at(days=9), reference="r1"), 1, id="another kind, but with its number"),
    ],
)
def test_two_reports_of_one_problem_are_one_ticket(second: Event, count: int) -> None:
    assert len(tickets([complaint(at(), reference="r1"), second])) == count


def test_two_products_are_two_problems() -> None:
    reports = [complaint(at(), product="router"), complaint(at(hours=1), product="phone")]

    assert len(tickets(reports)) == 2


def test_each_report_extends_the_time_in_which_the_next_one_joins() -> None:
    assert len(tickets(complaint(at(days=day)) for day in (0, 6, 12))) == 1


def test_a_number_that_joined_later_leads_to_the_same_ticket() -> None:
    ticket = the_ticket(
        complaint(at(), reference="app-1"),
        complaint(at(hours=1), reference="phone-7", channel="phone"),
        resolution(at(hours=3), "phone-7"),
    )

    assert acts(ticket) == ["opened", "joined", "resolved"]


def test_what_is_resolved_takes_no_report_without_its_number() -> None:
    first, second = tickets(
        [complaint(at(), reference="r1"), resolution(at(hours=1), "r1"), complaint(at(hours=2))]
    )

    assert first.resolved_at == at(hours=1)
    assert second.resolved_at is None


def test_a_report_with_the_number_of_a_resolved_ticket_reopens_it() -> None:
    ticket = the_ticket(
        complaint(at(), reference="r1"),
        resolution(at(hours=1), "r1"),
        complaint(at(days=5), reference="r1"),
    )

    assert acts(ticket) == ["opened", "resolved", "joined", "reopened"]
    assert ticket.resolved_at is None


def test_a_number_used_again_much_later_is_a_new_problem() -> None:
    first, second = tickets(
        [
            complaint(at(), reference="r1"),
            resolution(at(hours=1), "r1"),
            complaint(at(days=60), reference="r1"),
            resolution(at(days=61), "r1"),
        ]
    )

    assert acts(first) == ["opened", "resolved"]
    assert acts(second) == ["opened", "resolved"]


# answers, resolutions, re-openings


def test_an_answer_keeps_the_first_response_and_not_the_resolution() -> None:
    ticket = the_ticket(fault(at(), reference="r1"), answer(at(minutes=20), "r1"))

    assert the_clock(ticket, "first_response").stopped_at == at(minutes=20)
    assert the_clock(ticket, "temporary_fix").stopped_at == at(minutes=20)
    assert the_clock(ticket, "resolution").stopped_at is None


def test_only_the_first_answer_counts_as_the_first_response() -> None:
    ticket = the_ticket(
        complaint(at(), reference="r1"), answer(at(minutes=20), "r1"), answer(at(hours=5), "r1")
    )

    assert the_clock(ticket, "first_response").stopped_at == at(minutes=20)
    assert acts(ticket) == ["opened", "responded", "responded"]


def test_a_resolution_without_an_answer_was_the_answer() -> None:
    ticket = the_ticket(complaint(at(), reference="r1"), resolution(at(minutes=20), "r1"))

    assert {clock.stopped_at for clock in ticket.clocks} == {at(minutes=20)}


def test_resolving_twice_counts_once() -> None:
    ticket = the_ticket(
        complaint(at(), reference="r1"),
        resolution(at(hours=1), "r1"),
        resolution(at(hours=2), "r1"),
    )

    assert ticket.resolved_at == at(hours=1)
    assert acts(ticket) == ["opened", "resolved"]


def test_a_follow_up_to_an_unknown_problem_makes_no_ticket() -> None:
    assert tickets([answer(at(), "r1"), resolution(at(hours=1), "r1")]) == []


@pytest.mark.parametrize(
    ("minutes_early", "counts"),
    [
        pytest.param(10, True, id="clocks differ by minutes"),
        pytest.param(11, False, id="clocks do not differ by more"),
    ],
)
def test_an_answer_dated_before_its_report(minutes_early: int, counts: bool) -> None:
    ticket = the_ticket(answer(at(minutes=-minutes_early), "r1"), complaint(at(), reference="r1"))

    assert the_clock(ticket, "first_response").stopped_at == (at() if counts else None)


def test_reopening_starts_a_resolution_clock_of_its_own() -> None:
    ticket = the_ticket(
        complaint(at(), reference="r1"),
        resolution(at(hours=1), "r1"),
        reopening(at(days=3), "r1"),
        resolution(at(days=6), "r1"),
    )

    assert the_clock(ticket, "resolution", 0).stopped_at == at(hours=1)
    again = the_clock(ticket, "resolution", 1)
    assert (again.started_at, again.due_at) == (at(days=3), at(days=5))
    assert list(breached(ticket, at(days=7))) == [("resolution", 1)]
    assert [c.target for c in ticket.clocks].count("first_response") == 1


def test_reopening_what_is_open_changes_nothing() -> None:
    ticket = the_ticket(complaint(at(), reference="r1"), reopening(at(hours=1), "r1"))

    assert acts(ticket) == ["opened"]


# a graver report


def test_a_graver_report_raises_the_level_and_brings_promises_forward() -> None:
    ticket = the_ticket(fault(at()), fault(at(minutes=10), "system_down"))

    assert ticket.level == "L1"
    assert the_clock(ticket, "first_response").due_at == at(minutes=40)
    assert the_clock(ticket, "temporary_fix").due_at == at(hours=2)
    assert the_clock(ticket, "resolution").due_at == at(days=1, minutes=10)


def test_a_graver_report_gives_its_own_time_and_never_breaches_at_once() -> None:
    ticket = the_ticket(fault(at(), "question"), fault(at(minutes=50), "system_down"))

    response = the_clock(ticket, "first_response")
    assert response.due_at == at(minutes=60), "the earlier promise stands"
    assert breached(ticket, at(minutes=50)) == {}


def test_a_level_raised_after_the_answer_keeps_the_answer() -> None:
    ticket = the_ticket(
        fault(at(), reference="r1"),
        answer(at(minutes=5), "r1"),
        fault(at(minutes=50), "system_down"),
    )

    assert the_clock(ticket, "first_response").stopped_at == at(minutes=5)


def test_a_milder_report_changes_no_promise() -> None:
    alone = the_ticket(fault(at(), "system_down"))
    joined = the_ticket(fault(at(), "system_down"), fault(at(hours=1), "question"))

    assert (joined.level, joined.clocks) == (alone.level, alone.clocks)


def test_the_shipped_policy_keeps_its_promises_short() -> None:
    longest = max(p.within for promises in POLICY.promises.values() for p in promises)

    assert longest == timedelta(hours=48)
