"""What people do and see about one customer over HTTP, on a real database."""

from collections.abc import AsyncIterator
from datetime import datetime

import httpx
import pytest
from icalendar import Calendar

from careline_engagement.app import build
from careline_runtime.settings import ServiceSettings
from tests.engagement.by_hand import Engagement, after, fresh_engagement

pytestmark = pytest.mark.stack

LATER_THAN_TODAY = 1_000_000
"""Hours: the API goes by the system's clock."""


@pytest.fixture
async def engagement(admin_url: str) -> AsyncIterator[Engagement]:
    async with fresh_engagement(admin_url, "retention", "account-call") as stage:
        yield stage


@pytest.fixture
async def http(engagement: Engagement) -> AsyncIterator[httpx.AsyncClient]:
    url = engagement.engine.url.render_as_string(hide_password=False)
    service = build(ServiceSettings(database_url=url.replace("+asyncpg", ""), anonymous="accept"))
    transport = httpx.ASGITransport(app=service.http)
    async with httpx.AsyncClient(transport=transport, base_url="http://engagement") as client:
        yield client
    await service.engine.dispose()


async def test_a_contact_is_noted_and_the_next_one_follows_from_it(
    http: httpx.AsyncClient, engagement: Engagement
) -> None:
    await engagement.hear([engagement.customer("A", 0, account_manager="wang.li")])
    await engagement.hear([engagement.tier("A", 0, "core")])
    await engagement.tick(after(0))
    await engagement.hear(
        [
            engagement.follow_up(
                "A",
                2,
                "reached",
                need="spare parts",
                next_contact_at=after(24 * 5),
                contact_channel="phone",
            )
        ]
    )
    await engagement.tick(after(2))
    calendar = (await http.get("/v1/customers/A/calendar")).json()
    assert (calendar["tier"], calendar["account_manager"]) == ("core", "wang.li")
    assert datetime.fromisoformat(calendar["last_contact_at"]) == after(2)
    assert datetime.fromisoformat(calendar["next_contact_at"]) == after(24 * 5)
    assert (calendar["coming"], calendar["open"]) == ([], [])
    [noted] = (await http.get("/v1/customers/A/follow-ups")).json()["follow_ups"]
    assert (noted["need"], noted["result"], noted["by"]) == ("spare parts", "reached", "wang.li")
    # the day comes, nobody calls, and the account manager's deadline passes
    await engagement.tick(after(24 * 5))
    feed = Calendar.from_ical((await http.get("/v1/owners/wang.li/calendar.ics")).content)
    summaries = [str(event["summary"]) for event in feed.walk("VEVENT")]
    assert summaries == ["联系客户 / Contact A (core)", "致电客户 / call the customer, A"]
    for owner, playbooks in (("wang.li", ["account-call"]), ("chen.jie", [])):
        theirs = (await http.get("/v1/cases", params={"owner": owner})).json()["cases"]
        assert [case["playbook"] for case in theirs] == playbooks
    reminders = [s for s in await engagement.said() if s.topic == "careline.reminders.v1"]
    assert b'"owner":"wang.li"' in reminders[-1].value
    await engagement.tick(after(24 * 7))
    types = {s.envelope.id: s.envelope.type for s in await engagement.said()}
    assert types["A-contact-missed-20260309T090000"] == "careline.contact.missed.v1"


@pytest.mark.parametrize("asked", ["calendar", "contacts", "follow-ups"])
async def test_of_a_customer_of_whom_nothing_is_known_nothing_is_answered(
    http: httpx.AsyncClient, engagement: Engagement, asked: str
) -> None:
    await engagement.hear([engagement.customer("A", 0, account_manager="wang.li")])
    assert (await http.get(f"/v1/customers/A/{asked}")).status_code == 200
    unknown = await http.get(f"/v1/customers/Z/{asked}")
    assert unknown.headers["content-type"] == "application/problem+json"
    assert (unknown.status_code, unknown.json()["detail"]) == (
        404,
        "nothing is known of customer Z",
    )


async def test_what_falls_into_a_leave_is_in_the_deputys_calendar(
    http: httpx.AsyncClient, engagement: Engagement
) -> None:
    await engagement.hear([engagement.customer("A", 0, account_manager="wang.li")])
    await engagement.hear(
        [
            engagement.decision("A", 0, tier="core", handling=("priority_lane",)),
            engagement.follow_up("A", 1, "reached"),
        ]
    )
    leave = engagement.absence("wang.li", 2, 24 * 14, LATER_THAN_TODAY, deputy="chen.jie")
    await engagement.hear([leave])
    await engagement.tick(after(24))

    async def feed(owner: str) -> list[str]:
        answer = await http.get(f"/v1/owners/{owner}/calendar.ics")
        events = Calendar.from_ical(answer.content).walk("VEVENT")
        assert all(event["priority"] == 1 for event in events)
        return [str(event["summary"]) for event in events]

    assert (await feed("wang.li"), await feed("chen.jie")) == ([], ["联系客户 / Contact A (core)"])
    [noted] = (await http.get("/v1/owners/wang.li/absences")).json()["absences"]
    assert (noted["absence"], noted["deputy"]) == ("leave", "chen.jie")
    # called off
    await engagement.hear([engagement.absence("wang.li", 30, 24 * 14, 24 * 14, deputy="chen.jie")])
    assert (await feed("wang.li"), await feed("chen.jie")) == (["联系客户 / Contact A (core)"], [])


async def test_what_changes_something_needs_a_token(http: httpx.AsyncClient) -> None:
    noted = {"contact_channel": "phone", "result": "reached"}
    answer = await http.post(
        "/v1/customers/A/follow-ups", json=noted, headers={"idempotency-key": "1"}
    )
    assert answer.status_code == 401
    leave = {"begins_at": str(after(0)), "ends_at": str(after(9)), "deputy": "chen.jie"}
    answer = await http.put(
        "/v1/owners/wang.li/absences/leave", json=leave, headers={"idempotency-key": "1"}
    )
    assert answer.status_code == 401
    answer = await http.post("/v1/cases/A-1/offer-decisions", json={"approved": True})
    assert answer.status_code == 401


async def test_the_uplift_of_a_playbook(http: httpx.AsyncClient) -> None:
    found = (await http.get("/v1/playbooks/retention/uplift")).json()
    assert (found["verdict"], found["goal"]) == ("not_enough_data", "saved")
    assert (await http.get("/v1/playbooks/none/uplift")).status_code == 404
