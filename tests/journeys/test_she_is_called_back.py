"""A retention case that goes well, as those who live it would tell it, on the real servers."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from careline_cli.replay import Pipeline
from careline_client import CarelineClient, event
from careline_contracts.events.touchpoints import (
    ChannelEvent,
    ComplaintRaised,
    DetailsGiven,
    Identity,
    PurchaseCompleted,
)
from tests.journeys.conftest import next_monday

pytestmark = pytest.mark.stack
Careline = Callable[..., Any]

POLICY = Path(__file__).parents[2] / "services/engagement/careline_engagement/policy.yaml"
CARD = Identity(kind="member_card", value="CALLED-BACK-1")
UNTIL_NEXT_CALL = timedelta(days=5)
BOUGHT = PurchaseCompleted(identities=(CARD,), amount_minor=2_500_000, currency="CNY")


async def happens(pipeline: Pipeline, at: datetime, touchpoint: ChannelEvent) -> None:
    async with CarelineClient(pipeline.endpoints.services["ingest"]) as client:
        said = event(touchpoint, id=f"called-back-{at}", source="/story", occurred_at=at)
        assert (await client.publish(said)).status == "accepted"
    await pipeline.drain()
    await pipeline.tick(at)


class Case:
    """Her retention case, and what people do about it."""

    def __init__(self, pipeline: Pipeline, careline: Careline, customer: str) -> None:
        self.pipeline = pipeline
        self.careline = careline
        self.customer = customer
        which = ("--customer", customer, "--playbook", "retention")
        [found] = careline("case", "list", *which, "--json")["cases"]
        self.id = found["case"]

    @property
    def status(self) -> str:
        return str(self._shown()["status"])

    @property
    def steps(self) -> dict[str, str]:
        """What became of each."""
        return {step["step"]: step["verdict"] for step in self._shown()["steps"]}

    def calendar(self) -> Any:
        return self.careline("calendar", self.customer, "--json")

    async def does(
        self, role: str, path: str, *, status: int = 202, key: str = "1", **what: Any
    ) -> None:
        """A person does something over the API, and it has its effects, or is refused."""
        token = self.careline("token", "--role", role, "--subject", role, "--json")["token"]
        headers = {"authorization": f"Bearer {token}", "idempotency-key": key}
        async with httpx.AsyncClient(
            base_url=self.pipeline.endpoints.services["engagement"]
        ) as http:
            answer = await http.post(path, json=what, headers=headers)
            assert answer.status_code == status, answer.text
        await self.pipeline.drain()

    def _shown(self) -> Any:
        return self.careline("case", "show", self.id, "--json")


async def test_she_is_called_back_in_time_offered_something_and_stays(
    pipeline: Pipeline, careline: Careline
) -> None:
    monday = await next_monday(pipeline)
    await she_buys_for_a_lot_and_complains_about_two_things_the_next_day(pipeline, monday)
    found = await pipeline.get("profile", "/v1/customers?identity=member_card:CALLED-BACK-1")
    case = Case(pipeline, careline, found["customer"])
    assert case.status == "open"
    tuesday = monday + timedelta(days=1, hours=1)
    await an_agent_calls_within_the_hour_and_offers_what_must_be_approved(case, tuesday)
    await the_supervisor_says_no_and_yes_to_what_is_offered_instead(case, tuesday)
    await she_buys_again(case, tuesday + timedelta(days=2))
    await a_rehearsal_of_the_same_playbooks_on_the_log_tells_the_same_story(case)
    await whoever_stands_in_for_her_account_manager_has_her_in_the_calendar(
        case, tuesday + timedelta(days=3)
    )
    assert careline("uplift", "retention", "--json")["verdict"] == "not_enough_data"


async def she_buys_for_a_lot_and_complains_about_two_things_the_next_day(
    pipeline: Pipeline, monday: datetime
) -> None:
    await happens(pipeline, monday, BOUGHT)
    for minutes, category in ((0, "delivery"), (5, "invoice")):
        complaint = ComplaintRaised(identities=(CARD,), category=category, via="phone")
        await happens(pipeline, monday + timedelta(days=1, minutes=minutes), complaint)


async def an_agent_calls_within_the_hour_and_offers_what_must_be_approved(
    case: Case, at: datetime
) -> None:
    await case.pipeline.tick(at)
    await case.does(
        "agent",
        f"/v1/customers/{case.customer}/follow-ups",
        contact_channel="phone",
        result="reached",
        case=case.id,
        cause="late delivery",
        offer="free express for a year",
        offer_minor=5_001,
        next_contact_at=(at + UNTIL_NEXT_CALL).isoformat(),
    )
    await case.pipeline.tick(at + timedelta(minutes=1))
    assert case.steps["contact"] == "done"
    assert case.steps["offer"] == "running"


async def the_supervisor_says_no_and_yes_to_what_is_offered_instead(
    case: Case, called_at: datetime
) -> None:
    decisions = f"/v1/cases/{case.id}/offer-decisions"
    await case.does("supervisor", decisions, approved=False)
    await case.pipeline.tick(called_at + timedelta(minutes=2))
    await case.does("supervisor", decisions, approved=True, status=409)
    next_call = called_at + UNTIL_NEXT_CALL
    noted: dict[str, Any] = {
        "contact_channel": "phone",
        "result": "reached",
        "next_contact_at": next_call.isoformat(),
    }
    follow_ups = f"/v1/customers/{case.customer}/follow-ups"
    await case.does("agent", follow_ups, key="2", **noted, case="another", status=404)
    await case.does("agent", "/v1/customers/C0000000000000/follow-ups", **noted, status=404)
    instead: dict[str, Any] = {"offer": "free express for a month", "offer_minor": 5_002}
    await case.does("agent", follow_ups, key="2", **noted, case=case.id, **instead)
    await case.pipeline.tick(called_at + timedelta(minutes=3))
    await case.does("supervisor", decisions, approved=True)
    await case.pipeline.tick(called_at + timedelta(minutes=4))
    assert case.steps["offer"] == "done"
    assert datetime.fromisoformat(case.calendar()["next_contact_at"]) == next_call


async def she_buys_again(case: Case, at: datetime) -> None:
    await happens(case.pipeline, at, BOUGHT)
    assert case.status == "saved"


async def a_rehearsal_of_the_same_playbooks_on_the_log_tells_the_same_story(case: Case) -> None:
    rehearsed = case.careline("playbook", "dry-run", str(POLICY), "--days", "7", "--json")
    contacts = await case.pipeline.get("engagement", f"/v1/customers/{case.customer}/contacts")
    went_out = {(c["playbook"], c["step"]) for c in contacts["contacts"] if c["verdict"] == "sent"}
    assert ("retention", "outreach") in went_out
    assert went_out == {
        (c["playbook"], c["step"])
        for c in rehearsed["contacts"]
        if c["customer"] == case.customer and c["verdict"] == "sent"
    }


async def whoever_stands_in_for_her_account_manager_has_her_in_the_calendar(
    case: Case, at: datetime
) -> None:
    pipeline, careline = case.pipeline, case.careline
    await happens(pipeline, at, DetailsGiven(identities=(CARD,), account_manager="li.na"))
    assert case.calendar()["owner"] == "li.na"
    begins, ends = (at + timedelta(hours=hours) for hours in (1, 216))
    leave = ["--from", begins.isoformat(), "--until", ends.isoformat(), "--deputy", "chen.jie"]
    careline("absence", "note", "li.na", *leave, "--json")
    await pipeline.drain()
    await pipeline.tick(at + timedelta(hours=2))
    [noted] = careline("absence", "list", "li.na", "--json")["absences"]
    assert (noted["absence"], noted["deputy"]) == ("leave", "chen.jie")
    assert case.calendar()["owner"] == "chen.jie"
    async with httpx.AsyncClient(base_url=pipeline.endpoints.services["engagement"]) as http:
        assert case.customer in (await http.get("/v1/owners/chen.jie/calendar.ics")).text
        assert case.customer not in (await http.get("/v1/owners/li.na/calendar.ics")).text
