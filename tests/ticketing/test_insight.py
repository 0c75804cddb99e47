"""What tickets teach, and which will be late: from the tickets alone."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta

import httpx
import pytest

from careline_calendar.intervals import Interval
from careline_calendar.working import AROUND_THE_CLOCK
from careline_contracts.events.ticketing import Level
from careline_ticketing import insight_api
from careline_ticketing.model import Said, Step
from careline_ticketing.rules.forecast import Hand, Work, efforts, forecast, remedies
from careline_ticketing.rules.learning import article_effects, repeats, root_causes
from tests.runtime.signed_in import api_in_test
from tests.ticketing.by_hand import (
    POLICY,
    Event,
    Stage,
    always,
    answer,
    at,
    complaint,
    resolution,
    tickets,
)

MONTH = timedelta(days=30)
HOUR = timedelta(hours=1)


def told(*events: Event, customer: str = "C1") -> list[Said]:
    return [Said(ticket, customer, f"phone:of-{customer}", 1) for ticket in tickets(events)]


def solved(day: float, cause: str, customer: str = "C1", category: str = "late") -> list[Said]:
    reference = f"{customer}{day}{category}"
    return told(
        complaint(at(days=day), reference=reference, category=category, customer=customer),
        resolution(at(days=day, hours=1), reference, cause=cause, customer=customer),
        customer=customer,
    )


def test_causes_come_by_weight_and_add_up() -> None:
    month = [*solved(1, "courier", "C1"), *solved(2, "courier", "C2"), *solved(3, "stock", "C3")]

    found = root_causes(month, at(), MONTH)

    assert [(one.cause, one.tickets) for one in found] == [("courier", 2), ("stock", 1)]
    assert [round(one.cumulative, 2) for one in found] == [0.67, 1.0]


def test_the_month_before_counts_for_repeats_and_not_as_a_cause() -> None:
    both = [*solved(-10, "courier"), *solved(5, "courier")]

    [cause] = root_causes(both, at(), MONTH)

    assert (cause.tickets, cause.repeats) == (1, 1)


@pytest.mark.parametrize(
    ("second", "is_repeat"),
    [
        pytest.param(solved(20, "x"), True, id="the same soon after"),
        pytest.param(solved(40, "x"), False, id="much later"),
        pytest.param(solved(20, "x", category="price"), False, id="another problem"),
        pytest.param(solved(20, "x", customer="C2"), False, id="another customer"),
    ],
)
def test_a_repeat(second: list[Said], is_repeat: bool) -> None:
    found = repeats([*solved(0, "x"), *second], MONTH)

    assert found == ({second[0].ticket.id} if is_repeat else set())


def test_what_an_article_changed() -> None:
    before = [*solved(0, "x"), *solved(5, "x"), *solved(10, "x", "C2")]
    [linked] = solved(15, "x", "C3")
    step = Step("linked", at(days=15), "k", detail="kb:parcel")
    ticket = replace(linked.ticket, steps=(*linked.ticket.steps, step))
    linked = replace(linked, ticket=ticket)

    [effect] = article_effects([*before, linked, *solved(20, "x", "C4")], MONTH)

    assert (effect.article, effect.tickets_before) == ("kb:parcel", 3)
    assert (effect.repeat_rate_before, effect.repeat_rate_since) == (1 / 3, 0.0)


# the queue, played through

EFFORT: dict[Level, timedelta] = {"L1": HOUR, "L2": HOUR, "L3": HOUR}


def queue(*due_hours: float, team: str = "technical") -> list[Work]:
    return [
        Work(f"T{n}", "L3", team, at(hours=due), at(minutes=n)) for n, due in enumerate(due_hours)
    ]


def late(work: list[Work], *staff: Hand) -> list[str]:
    return [one.ticket for one in forecast(work, staff, EFFORT, at()) if one.is_late]


SHIFTS = POLICY.timetable("working")
AWAKE = Hand(None, AROUND_THE_CLOCK)


def test_who_comes_too_late_in_the_queue_is_late() -> None:
    assert late(queue(1, 2, 2.5), AWAKE) == ["T2"]
    assert late(queue(1, 2, 2.5), AWAKE, AWAKE) == []


@pytest.mark.parametrize(
    ("hand", "expected"),
    [
        pytest.param(Hand("technical", SHIFTS), at(hours=1), id="in the shift"),
        pytest.param(
            Hand("technical", SHIFTS, (Interval(at(), at(hours=14)),)),
            at(hours=24),
            id="after the leave, in the next shift",
        ),
        pytest.param(Hand("sales", SHIFTS), None, id="nobody of the team"),
    ],
)
def test_a_ticket_is_solved(hand: Hand, expected: datetime | None) -> None:
    [ahead] = forecast(queue(9), [hand], EFFORT, at())

    assert ahead.solved_at == expected
    assert ahead.is_late is (expected != at(hours=1))


def test_the_change_that_prevents_most_comes_first() -> None:
    found = remedies(queue(10, 1, 10), [Hand("technical", SHIFTS)], EFFORT, at())

    assert (found[0].change, found[0].prevented) == ("nearest_deadline_first", 1)
    assert [one.prevented for one in found] == sorted((o.prevented for o in found), reverse=True)
    assert "one_more_agent_in_technical" in {one.change for one in found}


def test_effort_is_what_the_median_ticket_took() -> None:
    assert efforts({"L1": [HOUR, 3 * HOUR, 9 * HOUR]})["L1"] == 3 * HOUR
    assert efforts({})["L3"] == HOUR, "nothing known yet"


@pytest.fixture
async def client(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    routes = insight_api.router(
        lambda: stage.engine.connect(), always(POLICY), lambda: at(hours=47)
    )
    transport = httpx.ASGITransport(app=api_in_test(routes))
    async with httpx.AsyncClient(transport=transport, base_url="http://ticketing") as client:
        yield client


@pytest.mark.stack
async def test_causes_and_forecast_over_http(stage: Stage, client: httpx.AsyncClient) -> None:
    await stage.play(
        [
            complaint(at(), reference="r1"),
            answer(at(minutes=30), "r1"),
            resolution(at(hours=4), "r1", cause="courier"),
            *(complaint(at(minutes=n), customer=f"C{n}x") for n in range(3)),
        ]
    )

    causes = (await client.get("/v1/root-causes", params={"month": "2026-03"})).json()["causes"]
    forecast = (await client.get("/v1/forecast", params={"agents": 1})).json()
    kpis = (await client.get("/v1/kpis", params={"month": "2026-03"})).json()["kpis"]

    assert [(one["cause"], one["tickets"]) for one in causes] == [("unknown", 3), ("courier", 1)]
    assert [(one["name"], one["value"], one["of"], one["met"]) for one in kpis] == [
        ("response", "0.50", 1, True),
        ("complaint_satisfaction", None, 0, None),
    ]
    assert (forecast["open"], len(forecast["breaches"])) == (3, 3), "3.5 hours each, one is left"
    assert {one["change"] for one in forecast["remedies"]} == {
        "one_more_agent",
        "nearest_deadline_first",
        "work_around_the_clock",
    }
    assert (await client.get("/v1/root-causes", params={"month": "2026-13"})).status_code == 422
