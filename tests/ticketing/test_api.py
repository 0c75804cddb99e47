"""What an agent sees of a ticket while the customer is on the line."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from careline_ticketing import api, metrics
from tests.runtime.signed_in import api_in_test
from tests.ticketing.by_hand import (
    POLICY,
    Stage,
    always,
    answer,
    assignment,
    at,
    complaint,
    fault,
    merge,
    pause,
    resolution,
)

pytestmark = pytest.mark.stack


class Present:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = at()

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def present() -> Present:
    return Present()


@pytest.fixture
async def client(stage: Stage, present: Present) -> AsyncIterator[httpx.AsyncClient]:
    app = api_in_test(api.router(lambda: stage.engine.connect(), always(POLICY), present))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://ticketing") as client:
        yield client


async def test_a_ticket_with_its_clocks(
    stage: Stage, client: httpx.AsyncClient, present: Present
) -> None:
    await stage.play([complaint(at(), reference="r1"), answer(at(minutes=90), "r1")])
    [state] = (await stage.states()).values()
    present.now = at(hours=2)

    view = (await client.get(f"/v1/tickets/{state.ticket}")).json()

    assert (view["customer"], view["kind"], view["level"]) == ("C1", "complaint", "L3")
    assert (view["status"], view["touchpoints"]) == ("open", 2)
    response, solution = view["clocks"]
    assert response == {
        "target": "first_response",
        "round": 0,
        "started_at": "2026-03-02T02:00:00Z",
        "due_at": "2026-03-02T03:00:00Z",
        "stopped_at": "2026-03-02T03:30:00Z",
        "verdict": "missed",
        "late_seconds": 1800.0,
        "promised_seconds": 3600.0,
        "used_seconds": 5400.0,
        "lines": [
            {
                "from": "2026-03-02T02:00:00Z",
                "to": "2026-03-02T03:30:00Z",
                "kind": "working",
                "who": "unassigned",
                "counts": True,
            }
        ],
    }
    assert (solution["target"], solution["verdict"]) == ("resolution", "running")
    assert (solution["stopped_at"], solution["late_seconds"]) == (None, 0.0)


async def test_a_pause_is_shown_with_who_caused_it(
    stage: Stage, client: httpx.AsyncClient, present: Present
) -> None:
    await stage.play(
        [
            complaint(at(), reference="r1"),
            assignment(at(hours=1), "r1", team="returns", agent="li"),
            pause(at(hours=2), "r1"),
        ]
    )
    [state] = (await stage.states()).values()
    present.now = at(hours=5)

    view = (await client.get(f"/v1/tickets/{state.ticket}")).json()

    assert (view["status"], view["waiting_for"]) == ("waiting", "customer")
    assert (view["agent"], view["team"]) == ("li", "returns")
    _, solution = view["clocks"]
    assert (solution["verdict"], solution["due_at"]) == ("paused", "2026-03-04T05:00:00Z")
    assert [(line["kind"], line["who"], line["counts"]) for line in solution["lines"]] == [
        ("working", "unassigned", True),
        ("working", "returns", True),
        ("waiting", "customer", False),
    ]


async def test_trap_a_verdict_is_right_though_no_timer_has_fired(
    stage: Stage, client: httpx.AsyncClient, present: Present
) -> None:
    await stage.play([complaint(at())])
    present.now = at(hours=3)

    [view] = (await client.get("/v1/tickets")).json()["tickets"]

    assert [clock["verdict"] for clock in view["clocks"]] == ["missed", "running"]


async def test_a_ticket_that_is_not_there(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/tickets/T2")).status_code == 404


async def test_tickets_by_status_customer_and_level(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    await stage.play(
        [
            complaint(at(), customer="C1", reference="r1"),
            fault(at(), "system_down", customer="C2", reference="r2"),
            resolution(at(minutes=5), "r2", customer="C2"),
            merge("C1", "C2", at=at(minutes=9)),
            fault(at(), customer="C3"),
        ]
    )

    async def count(**asked: str | int) -> int:
        return len((await client.get("/v1/tickets", params=asked)).json()["tickets"])

    assert await count() == 3
    assert await count(status="resolved") == 1
    assert await count(level="L1") == 1
    assert await count(customer="C1") == 2
    assert await count(customer="C2") == 2, "an absorbed number leads to its survivor"
    assert await count(customer="C3", status="resolved") == 0
    assert (await client.get("/v1/tickets", params={"level": "L9"})).status_code == 422


async def test_what_a_merged_ticket_had_promised_still_goes_on_with_the_other(
    stage: Stage, client: httpx.AsyncClient, present: Present
) -> None:
    await stage.play(
        [
            complaint(at(), customer="C1", reference="r1"),
            complaint(at(minutes=1), customer="C2", reference="r2"),
            answer(at(minutes=2), "r2", customer="C2"),
            merge("C1", "C2", at=at(minutes=9)),
        ]
    )
    present.now = at(hours=200)

    found = (await client.get("/v1/tickets", params={"status": "merged"})).json()["tickets"]

    verdicts = [{c["target"]: c["verdict"] for c in one["clocks"]} for one in found]
    assert verdicts == [{"first_response": "met"}], "nobody owed it a resolution any more"


async def test_customers_see_their_own_and_nobody_s_name(
    stage: Stage, client: httpx.AsyncClient, present: Present
) -> None:
    await stage.play(
        [
            complaint(at(), reference="r1", product="router"),
            assignment(at(minutes=5), "r1", agent="li-na", team="returns"),
            pause(at(minutes=10), "r1"),
            complaint(at(), customer="C2"),
        ]
    )
    present.now = at(hours=2)

    answer = await client.get("/v1/customers/C1/tickets")

    [ticket] = answer.json()["tickets"]
    assert (ticket["product"], ticket["waits_for_you"], ticket["may"]) == (
        "router",
        True,
        ["reply"],
    )
    verdicts = {promise["target"]: promise["verdict"] for promise in ticket["promises"]}
    assert verdicts == {"first_response": "missed", "resolution": "paused"}
    assert "li-na" not in answer.text and "returns" not in answer.text


async def test_pages_follow_each_other(stage: Stage, client: httpx.AsyncClient) -> None:
    await stage.play([complaint(at(), customer=f"C{n}") for n in range(5)])

    seen, after = [], None
    while True:
        asked = {"limit": 2, **({"after": after} if after else {})}
        page = (await client.get("/v1/tickets", params=asked)).json()
        seen += [ticket["ticket"] for ticket in page["tickets"]]
        if not (after := page["next"]):
            break

    assert sorted(seen) == sorted(await stage.states())


async def test_the_summary_counts_tickets(stage: Stage, client: httpx.AsyncClient) -> None:
    await stage.play(
        [
            complaint(at(), customer="C1", reference="r1"),
            complaint(at(), customer="C2"),
            complaint(at(minutes=5), customer="C3"),
            merge("C2", "C3", at=at(minutes=10)),
            resolution(at(hours=60), "r1", customer="C1"),
        ]
    )

    summary = (await client.get("/v1/summary")).json()

    assert summary == {"tickets": {"opened": 2, "resolved": 1, "breached": 1, "open": 1}}


async def test_changes_and_breaches_are_counted_once_they_are_durable(stage: Stage) -> None:
    def counted(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(name, labels) or 0.0

    labels = {"target": "first_response", "level": "L1"}
    before = counted("careline_ticket_breaches_total", **labels)
    await stage.play([fault(at(), "system_down")])
    await stage.tick(at(hours=1))

    assert counted("careline_ticket_breaches_total", **labels) == before + 1


async def test_how_long_it_took_is_measured_in_the_time_that_counts(stage: Stage) -> None:
    def sums() -> list[float]:
        names = ("response", "resolution")
        return [
            REGISTRY.get_sample_value(f"careline_ticket_{name}_seconds_sum", {"level": "L3"}) or 0.0
            for name in names
        ]

    before = sums()
    await stage.play(
        [
            complaint(at(hours=7.5), reference="r1"),
            answer(at(hours=23.25), "r1"),
            pause(at(hours=24), "r1"),
            resolution(at(hours=30), "r1"),
        ]
    )

    response, solution = (after - was for after, was in zip(sums(), before, strict=True))
    assert response == 45 * 60, "half an hour in the evening, a quarter in the morning"
    assert solution == pytest.approx(16.5 * 3600), (
        "less the hours in which the customer was waited for"
    )


async def test_a_ticket_in_a_year_without_its_list_is_counted(stage: Stage) -> None:
    assert POLICY.known_through is not None
    name = "careline_tickets_beyond_calendar_total"
    before = REGISTRY.get_sample_value(name) or 0.0

    year = POLICY.known_through + 1
    await stage.play([complaint(at().replace(year=year)), complaint(at(), customer="C2")])

    assert REGISTRY.get_sample_value(name) == before + 1


def test_the_calendar_says_how_far_it_is_known() -> None:
    name = "careline_calendar_known_until_timestamp_seconds"

    year = POLICY.known_through
    assert year is not None
    end = datetime(year + 1, 1, 1, tzinfo=UTC)
    with capture_logs() as logged:
        metrics.warn_of_the_end(POLICY, end - timedelta(days=61))
        assert logged == []
        metrics.warn_of_the_end(POLICY, end - timedelta(days=59))
    assert [line["event"] for line in logged] == ["calendar.ends"]

    metrics.show_calendars(POLICY)
    assert REGISTRY.get_sample_value(name) == end.timestamp()
    metrics.show_calendars(POLICY.model_copy(update={"calendars": {}}))
    assert REGISTRY.get_sample_value(name) == float("inf")
