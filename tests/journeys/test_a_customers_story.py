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


async def is_refused(http: httpx.AsyncClient, path: str) -> bool:
    return (await http.get(path)).status_code == 401


async def test_she_buys_complains_twice_is_not_called_in_time_and_comes_back(
    pipeline: Pipeline, careline: Careline
) -> None:
    async def cases() -> list[dict[str, Any]]:
        path = f"/v1/cases?playbook=retention&customer={number}"
        found = await pipeline.get("engagement", path)
        return list(found["cases"])

    # She buys at the till with her card, and leaves her phone number.
    monday = await next_monday(pipeline)
    first = bought(2_500_000).model_copy(update={"identities": (CARD, PHONE)})
    await happens(pipeline, monday, first)
    by_card = await pipeline.get("profile", "/v1/customers?identity=member_card:STORY-1")
    by_phone = await pipeline.get("profile", "/v1/customers?identity=phone:139 1234 0001")
    number = by_card["customer"]
    assert by_phone["customer"] == number, "one customer, found by either"
    before = await pipeline.get("scoring", f"/v1/customers/{number}/score")
    assert await cases() == []

    # On Tuesday she complains, by phone, about two different things.
    tuesday = monday + timedelta(days=1)
    await happens(pipeline, tuesday, complaint("delivery"))
    await happens(pipeline, tuesday + timedelta(minutes=5), complaint("invoice"))
    tickets = (await pipeline.get("ticketing", f"/v1/tickets?customer={number}"))["tickets"]
    assert len(tickets) == 2, "two problems"
    after = await pipeline.get("scoring", f"/v1/customers/{number}/score")
    assert float(after["total"]) < float(before["total"])
    assert sum(float(c["points"]) for c in after["contributions"]) == float(after["total"])
    assert after["tags"]["risk"] == "high"
    [case] = await cases()
    assert case["status"] == "open"
    assert any("complaint" in reason for reason in case["reasons"])

    # The call centre is asked at once to call her, with what to say; the calendar knows her.
    asked = await pipeline.get("engagement", f"/v1/customers/{number}/contacts")
    [contact] = [c for c in asked["contacts"] if c["playbook"] == "retention"]
    assert contact["verdict"] == "sent", "in the morning, with room in the budget"
    calendar = await pipeline.get("engagement", f"/v1/customers/{number}/calendar")
    assert calendar["tier"] == case["tier"]
    assert {"contact", "offer"} <= {task["step"] for task in calendar["open"]}

    # Nobody answers the complaints within an hour, and nobody calls her within a day.
    await pipeline.tick(tuesday + timedelta(hours=26))
    for ticket in (await pipeline.get("ticketing", f"/v1/tickets?customer={number}"))["tickets"]:
        verdicts = {clock["target"]: clock["verdict"] for clock in ticket["clocks"]}
        assert verdicts["first_response"] == "missed"
    [case] = await cases()
    assert case["status"] == "open"
    late = {step["step"] for step in case["steps"] if step.get("breached_at")}
    assert "contact" in late

    # An agent solves one of them after all, and she says what she thinks of it.
    path = f"/v1/customers/{number}/tickets"
    [invoice] = [
        t for t in (await pipeline.get("ticketing", path))["tickets"] if t["category"] == "invoice"
    ]
    assert invoice["may"] == ["reply"]
    token = careline("token", "--role", "agent", "--subject", "li-na", "--json")["token"]
    headers = {"authorization": f"Bearer {token}"}
    ticketing = pipeline.endpoints.services["ticketing"]
    async with httpx.AsyncClient(base_url=ticketing, headers=headers) as http:
        for did, what in (
            (f"/v1/tickets/{invoice['ticket']}/resolve", {"cause": "tax number"}),
            (f"{path}/{invoice['ticket']}/rate", {"score": 3}),
        ):
            answer = await http.post(did, json=what)
            assert answer.status_code == 200, answer.text
        # On her last day she loses access, and what her token opened is closed in every service.
        careline("access", "withdraw", "li-na", "--reason", "left the company", "--json")
        await until(lambda: is_refused(http, "/v1/agents"))
    await pipeline.drain()
    shown = careline("ticket", "show", invoice["ticket"], "--json")
    assert [(s["act"], s["agent"], s["detail"]) for s in shown["steps"]][1:] == [
        ("resolved", "li-na", "tax number"),
        ("rated", None, "3"),
    ]

    # She comes back all the same.
    await happens(pipeline, monday + timedelta(days=7), bought(300_000))
    [case] = await cases()
    assert case["status"] == "saved"
