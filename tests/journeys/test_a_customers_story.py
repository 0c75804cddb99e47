"""What happens to one customer, as she would tell it, over five services and the real servers."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from careline_cli.replay import Pipeline
from careline_client import CarelineClient, event
from careline_contracts.events.touchpoints import (
    ChannelEvent,
    ComplaintRaised,
    Identity,
    PurchaseCompleted,
)
from tests.journeys.conftest import next_monday
from tests.waiting import until

pytestmark = pytest.mark.stack
Careline = Callable[..., Any]

CARD = Identity(kind="member_card", value="STORY-1")
PHONE = Identity(kind="phone", value="+8613912340001")


async def happens(pipeline: Pipeline, at: datetime, touchpoint: ChannelEvent) -> None:
    """The event is taken by the edge and has all its effects, and the clock reaches it."""
    async with CarelineClient(pipeline.endpoints.services["ingest"]) as client:
        id = f"story-{at.isoformat()}-{touchpoint.type}"
        verdict = await client.publish(event(touchpoint, id=id, source="/story", occurred_at=at))
        assert verdict.status == "accepted"
    await pipeline.drain()
    await pipeline.tick(at)


def complaint(category: str) -> ComplaintRaised:
    return ComplaintRaised(identities=(PHONE,), category=category, via="phone")


def bought(amount_minor: int) -> PurchaseCompleted:
    return PurchaseCompleted(identities=(CARD,), amount_minor=amount_minor, currency="CNY")


class Customer:
    """What the services know of her by now."""

    def __init__(self, pipeline: Pipeline, number: str) -> None:
        self.pipeline = pipeline
        self.number = number

    async def score(self) -> dict[str, Any]:
        return await self.pipeline.get("scoring", f"/v1/customers/{self.number}/score")

    async def tickets(self) -> list[dict[str, Any]]:
        found = await self.pipeline.get("ticketing", f"/v1/tickets?customer={self.number}")
        return list(found["tickets"])

    async def cases(self) -> list[dict[str, Any]]:
        path = f"/v1/cases?playbook=retention&customer={self.number}"
        return list((await self.pipeline.get("engagement", path))["cases"])


async def test_she_buys_complains_twice_is_not_called_in_time_and_comes_back(
    pipeline: Pipeline, careline: Careline
) -> None:
    monday = await next_monday(pipeline)
    tuesday = monday + timedelta(days=1)
    her = await she_buys_at_the_till_and_leaves_her_phone_number(pipeline, monday)
    await she_complains_by_phone_about_two_different_things(her, tuesday)
    await the_call_centre_is_asked_at_once_to_call_her(her)
    await nobody_answers_within_an_hour_nor_calls_within_a_day(her, tuesday + timedelta(hours=26))
    await an_agent_solves_one_of_them_after_all_on_her_last_day(her, careline)
    await she_comes_back_all_the_same(her, monday + timedelta(days=7))


async def she_buys_at_the_till_and_leaves_her_phone_number(
    pipeline: Pipeline, at: datetime
) -> Customer:
    first = bought(2_500_000).model_copy(update={"identities": (CARD, PHONE)})
    await happens(pipeline, at, first)
    by_card = await pipeline.get("profile", "/v1/customers?identity=member_card:STORY-1")
    by_phone = await pipeline.get("profile", "/v1/customers?identity=phone:139 1234 0001")
    assert by_phone["customer"] == by_card["customer"], "one customer, found by either"
    her = Customer(pipeline, by_card["customer"])
    assert await her.cases() == []
    return her


async def she_complains_by_phone_about_two_different_things(her: Customer, at: datetime) -> None:
    before = await her.score()
    await happens(her.pipeline, at, complaint("delivery"))
    await happens(her.pipeline, at + timedelta(minutes=5), complaint("invoice"))
    assert len(await her.tickets()) == 2, "two problems"
    after = await her.score()
    assert float(after["total"]) < float(before["total"])
    assert sum(float(c["points"]) for c in after["contributions"]) == float(after["total"])
    assert after["tags"]["risk"] == "high"
    [case] = await her.cases()
    assert case["status"] == "open"
    assert any("complaint" in reason for reason in case["reasons"])


async def the_call_centre_is_asked_at_once_to_call_her(her: Customer) -> None:
    """With what to say; the calendar knows her, too."""
    path = f"/v1/customers/{her.number}"
    asked = await her.pipeline.get("engagement", f"{path}/contacts")
    [contact] = [c for c in asked["contacts"] if c["playbook"] == "retention"]
    assert contact["verdict"] == "sent", "in the morning, with room in the budget"
    calendar = await her.pipeline.get("engagement", f"{path}/calendar")
    [case] = await her.cases()
    assert calendar["tier"] == case["tier"]
    assert {"contact", "offer"} <= {task["step"] for task in calendar["open"]}


async def nobody_answers_within_an_hour_nor_calls_within_a_day(
    her: Customer, by_then: datetime
) -> None:
    await her.pipeline.tick(by_then)
    for ticket in await her.tickets():
        verdicts = {clock["target"]: clock["verdict"] for clock in ticket["clocks"]}
        assert verdicts["first_response"] == "missed"
    [case] = await her.cases()
    assert case["status"] == "open"
    late = {step["step"] for step in case["steps"] if step.get("breached_at")}
    assert "contact" in late


async def an_agent_solves_one_of_them_after_all_on_her_last_day(
    her: Customer, careline: Careline
) -> None:
    """The customer says what she thinks of it. Then the agent's token opens nothing any more."""
    path = f"/v1/customers/{her.number}/tickets"
    own = (await her.pipeline.get("ticketing", path))["tickets"]
    [invoice] = [ticket for ticket in own if ticket["category"] == "invoice"]
    assert invoice["may"] == ["reply"]
    token = careline("token", "--role", "agent", "--subject", "li-na", "--json")["token"]
    async with httpx.AsyncClient(
        base_url=her.pipeline.endpoints.services["ticketing"],
        headers={"authorization": f"Bearer {token}"},
    ) as http:

        async def does(path: str, **what: Any) -> None:
            answer = await http.post(path, json=what)
            assert answer.status_code == 200, answer.text

        async def is_refused() -> bool:
            return (await http.get("/v1/agents")).status_code == 401

        await does(f"/v1/tickets/{invoice['ticket']}/resolve", cause="tax number")
        await does(f"{path}/{invoice['ticket']}/rate", score=3)
        careline("access", "withdraw", "li-na", "--reason", "left the company", "--json")
        await until(is_refused)
    await her.pipeline.drain()
    shown = careline("ticket", "show", invoice["ticket"], "--json")
    assert [(s["act"], s["agent"], s["detail"]) for s in shown["steps"]][1:] == [
        ("resolved", "li-na", "tax number"),
        ("rated", None, "3"),
    ]


async def she_comes_back_all_the_same(her: Customer, at: datetime) -> None:
    await happens(her.pipeline, at, bought(300_000))
    [case] = await her.cases()
    assert case["status"] == "saved"
