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

POLICY = Path(__file__).parents[2] / "services/engagement/careline_engagement/policy.yaml"
CARD = Identity(kind="member_card", value="CALLED-BACK-1")


async def happens(pipeline: Pipeline, at: datetime, touchpoint: ChannelEvent) -> None:
    async with CarelineClient(pipeline.endpoints.services["ingest"]) as client:
        said = event(touchpoint, id=f"called-back-{at}", source="/story", occurred_at=at)
        assert (await client.publish(said)).status == "accepted"
    await pipeline.drain()
    await pipeline.tick(at)


async def test_she_is_called_back_in_time_offered_something_and_stays(
    pipeline: Pipeline, careline: Callable[..., Any]
) -> None:
    engagement = pipeline.endpoints.services["engagement"]

    async def does(role: str, path: str, *, status: int = 202, key: str = "1", **what: Any) -> None:
        """A person does something over the API, and it has its effects, or is refused."""
        token = careline("token", "--role", role, "--subject", role, "--json")["token"]
        headers = {"authorization": f"Bearer {token}", "idempotency-key": key}
        async with httpx.AsyncClient(base_url=engagement) as http:
            answer = await http.post(path, json=what, headers=headers)
            assert answer.status_code == status, answer.text
        await pipeline.drain()

    async def steps() -> dict[str, str]:
        shown = careline("case", "show", case["case"], "--json")
        return {step["step"]: step["verdict"] for step in shown["steps"]}

    # She buys for a lot; the next day she complains about two things.
    monday = await next_monday(pipeline)
    bought = PurchaseCompleted(identities=(CARD,), amount_minor=2_500_000, currency="CNY")
    await happens(pipeline, monday, bought)
    for minutes, category in ((0, "delivery"), (5, "invoice")):
        complaint = ComplaintRaised(identities=(CARD,), category=category, via="phone")
        await happens(pipeline, monday + timedelta(days=1, minutes=minutes), complaint)
    found = await pipeline.get("profile", "/v1/customers?identity=member_card:CALLED-BACK-1")
    number = found["customer"]
    [case] = careline("case", "list", "--customer", number, "--playbook", "retention", "--json")[
        "cases"
    ]
    assert case["status"] == "open"

    # An agent calls within the hour, hears why, and offers what a supervisor must approve.
    tuesday = monday + timedelta(days=1, hours=1)
    next_call = (tuesday + timedelta(days=5)).isoformat()
    await pipeline.tick(tuesday)
    await does(
        "agent",
        f"/v1/customers/{number}/follow-ups",
        contact_channel="phone",
        result="reached",
        case=case["case"],
        cause="late delivery",
        offer="free express for a year",
        offer_minor=5_001,
        next_contact_at=next_call,
    )
    await pipeline.tick(tuesday + timedelta(minutes=1))
    assert (await steps())["contact"] == "done"
    assert (await steps())["offer"] == "running"
    # That is too much for him: no. Of what the agent offers instead he is asked again.
    decisions = f"/v1/cases/{case['case']}/offer-decisions"
    await does("supervisor", decisions, approved=False)
    await pipeline.tick(tuesday + timedelta(minutes=2))
    await does("supervisor", decisions, approved=True, status=409)
    noted: dict[str, Any] = {
        "contact_channel": "phone",
        "result": "reached",
        "next_contact_at": next_call,
    }
    follow_ups = f"/v1/customers/{number}/follow-ups"
    await does("agent", follow_ups, key="2", **noted, case="another", status=404)
    await does("agent", "/v1/customers/C0000000000000/follow-ups", **noted, status=404)
    instead: dict[str, Any] = {"offer": "free express for a month", "offer_minor": 5_002}
    await does("agent", follow_ups, key="2", **noted, case=case["case"], **instead)
    await pipeline.tick(tuesday + timedelta(minutes=3))
    await does("supervisor", decisions, approved=True)
    await pipeline.tick(tuesday + timedelta(minutes=4))
    assert (await steps())["offer"] == "done"
    calendar = careline("calendar", number, "--json")
    assert datetime.fromisoformat(calendar["next_contact_at"]) == tuesday + timedelta(days=5)

    # She buys again. A rehearsal of the same playbooks on the log tells the same story.
    await happens(pipeline, tuesday + timedelta(days=2), bought)
    assert careline("case", "show", case["case"], "--json")["status"] == "saved"
    rehearsed = careline("playbook", "dry-run", str(POLICY), "--days", "7", "--json")
    contacts = await pipeline.get("engagement", f"/v1/customers/{number}/contacts")
    went_out = {(c["playbook"], c["step"]) for c in contacts["contacts"] if c["verdict"] == "sent"}
    assert ("retention", "outreach") in went_out
    assert went_out == {
        (c["playbook"], c["step"])
        for c in rehearsed["contacts"]
        if c["customer"] == number and c["verdict"] == "sent"
    }

    # Her account manager is on leave: whoever stands in has her in the calendar.
    wednesday = tuesday + timedelta(days=3)
    await happens(pipeline, wednesday, DetailsGiven(identities=(CARD,), account_manager="li.na"))
    assert careline("calendar", number, "--json")["owner"] == "li.na"
    begins, ends = (wednesday + timedelta(hours=hours) for hours in (1, 216))
    leave = ["--from", begins.isoformat(), "--until", ends.isoformat(), "--deputy", "chen.jie"]
    careline("absence", "note", "li.na", *leave, "--json")
    await pipeline.drain()
    await pipeline.tick(wednesday + timedelta(hours=2))
    [noted] = careline("absence", "list", "li.na", "--json")["absences"]
    assert (noted["absence"], noted["deputy"]) == ("leave", "chen.jie")
    assert careline("calendar", number, "--json")["owner"] == "chen.jie"
    async with httpx.AsyncClient(base_url=engagement) as http:
        assert number in (await http.get("/v1/owners/chen.jie/calendar.ics")).text
        assert number not in (await http.get("/v1/owners/li.na/calendar.ics")).text
    assert careline("uplift", "retention", "--json")["verdict"] == "not_enough_data"
