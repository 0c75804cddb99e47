"""A month's tickets in figures: answers in the time that counts, and how content complaints end."""

from decimal import Decimal

import pytest

from careline_ticketing.model import Said
from careline_ticketing.rules.kpis import DEFINITIONS, Kpi, kpis
from tests.ticketing.by_hand import (
    POLICY,
    Event,
    always,
    answer,
    at,
    complaint,
    fault,
    rating,
    resolution,
    tickets,
)


def told(*events: Event) -> list[Said]:
    return [Said(ticket, "C1", "phone:1", 1) for ticket in tickets(events)]


def a_complaint(reference: str, *, answered_after: float, score: int | None = None) -> list[Said]:
    """At ten on a working day, solved and, perhaps, rated."""
    events = [
        complaint(at(), reference=reference),
        answer(at(hours=answered_after), reference),
        resolution(at(hours=answered_after + 1), reference),
    ]
    if score is not None:
        events.append(rating(at(hours=answered_after + 2), reference, score))
    return told(*events)


def figures(now: list[Said], before: list[Said]) -> dict[str, Kpi]:
    return {one.name: one for one in kpis(now, before, POLICY.kpis, always(POLICY), "en")}


def test_a_month_against_its_targets_and_the_year_before() -> None:
    now = [
        *a_complaint("a", answered_after=0.5, score=9),
        *a_complaint("b", answered_after=1.5, score=7),
        *a_complaint("c", answered_after=1.01),
        *told(fault(at(), reference="d")),  # nobody has answered yet
    ]
    found = figures(now, a_complaint("e", answered_after=2, score=10))

    response, satisfaction = found["response"], found["complaint_satisfaction"]
    assert (response.value, response.of, response.met) == (Decimal("1.01"), 3, False)
    assert (response.year_before, response.change) == (Decimal("2.00"), Decimal("-0.4950"))
    assert (satisfaction.value, satisfaction.of) == (Decimal("0.5000"), 2)
    assert (satisfaction.year_before, satisfaction.met) == (Decimal("1.0000"), False)


@pytest.mark.parametrize(
    ("hours", "met"), [pytest.param(1, True, id="an hour"), pytest.param(1.01, False, id="more")]
)
def test_a_target_is_met_on_the_line(hours: float, met: bool) -> None:
    assert figures(a_complaint("a", answered_after=hours), [])["response"].met is met


def test_the_night_does_not_count() -> None:
    """Reported a quarter of an hour before closing, answered a quarter of an hour after opening."""
    evening = at(hours=7, minutes=45)
    month = told(complaint(evening, reference="a"), answer(at(days=1, minutes=-45), "a"))
    assert figures(month, [])["response"].value == Decimal("0.50")


def test_of_a_ticket_that_became_another_nothing_counts() -> None:
    [said] = a_complaint("a", answered_after=1, score=10)
    gone = Said(said.ticket, "C1", "phone:1", 2, merged_into="T2")
    assert [one.value for one in figures([gone], []).values()] == [None, None]


def test_the_handbooks_targets_are_shipped_and_worded_in_every_language() -> None:
    assert POLICY.kpis.response_hours_at_most == 1
    assert POLICY.kpis.complaint_satisfaction_at_least == Decimal("0.98")
    assert DEFINITIONS["en"].keys() == DEFINITIONS["zh"].keys()
