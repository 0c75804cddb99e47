"""What people see over HTTP, on a real database."""

from collections.abc import AsyncIterator

import httpx
import pytest

from careline_engagement.app import build
from careline_runtime.settings import ServiceSettings
from tests.engagement.by_hand import Engagement, after

pytestmark = pytest.mark.stack


@pytest.fixture
async def http(engagement: Engagement) -> AsyncIterator[httpx.AsyncClient]:
    """Three cases: A's is saved after missed steps, B's was withdrawn, C's is open."""
    await engagement.hear(
        [
            event
            for n, customer in enumerate("ABC")
            for event in (
                engagement.tier(customer, n, "core"),
                engagement.risk(customer, n, "high"),
            )
        ]
    )
    await engagement.hear(
        [
            engagement.answer("A", 5, "replied", cause="price"),
            engagement.touchpoint("A", 30, "purchase.completed"),
            engagement.merge("C", "B", hours=2.5),
            engagement.need("C", 3, "dormant"),
        ]
    )
    await engagement.tick(after(3.5))
    url = engagement.engine.url.render_as_string(hide_password=False)
    settings = ServiceSettings(database_url=url.replace("+asyncpg", ""), anonymous="accept")
    service = build(settings)
    transport = httpx.ASGITransport(app=service.http)
    async with httpx.AsyncClient(transport=transport, base_url="http://engagement") as client:
        yield client
    await service.engine.dispose()


async def test_cases_by_status_and_customer(
    http: httpx.AsyncClient, engagement: Engagement
) -> None:
    await engagement.tick(after(30))
    listed = (await http.get("/v1/cases")).json()["cases"]
    assert [(c["case"], c["customer"], c["status"]) for c in listed] == [
        ("C-retention-2-risk", "C", "withdrawn"),
        ("B-retention-2-risk", "C", "open"),
        ("A-retention-2-risk", "A", "saved"),
    ]
    of_c = (await http.get("/v1/cases", params={"customer": "C"})).json()["cases"]
    assert [c["case"] for c in of_c] == ["C-retention-2-risk", "B-retention-2-risk"], (
        "also those of an absorbed number"
    )
    saved = (await http.get("/v1/cases", params={"status": "saved", "limit": 1})).json()["cases"]
    assert [c["case"] for c in saved] == ["A-retention-2-risk"]
    assert (await http.get("/v1/cases", params={"status": "won"})).status_code == 422
    none = await http.get("/v1/cases", params={"playbook": "birthday"})
    assert none.json() == {"cases": []}
    misspelt = await http.get("/v1/cases", params={"playbook": "brithday"})
    assert misspelt.status_code == 404
    assert misspelt.json()["detail"] == "there is no playbook brithday"


async def test_one_case_with_its_steps(http: httpx.AsyncClient, engagement: Engagement) -> None:
    await engagement.tick(after(30))
    case = (await http.get("/v1/cases/A-retention-2-risk")).json()
    assert case["closed_reason"] == "purchase.completed"
    steps = {step.pop("step"): step for step in case["steps"]}
    assert list(steps) == ["contact", "cause", "offer", "outreach", "supervisor"]
    assert steps["supervisor"] == {
        "verdict": "late",
        "due_at": "2026-03-02T11:00:00Z",
        "done_at": "2026-03-02T14:00:00Z",
        "breached_at": "2026-03-02T11:00:00Z",
    }
    assert steps["cause"]["detail"] == "price"
    missing = await http.get("/v1/cases/A-retention-9")
    assert (missing.status_code, missing.json()["detail"]) == (
        404,
        "there is no case A-retention-9",
    )


async def test_the_sums(http: httpx.AsyncClient, engagement: Engagement) -> None:
    await engagement.tick(after(30))
    summary = (await http.get("/v1/summary")).json()
    assert summary["cases"] == summary["playbooks"]["retention"]
    assert summary["cases"] == {
        "opened": 3,
        "saved": 1,
        "lost": 0,
        "withdrawn": 1,
        "reached": 0,
        "ended": 0,
        "breached": 2,
        "open": 1,
    }
    assert summary["suppressed"] == {"case_open": 1}
    assert summary["contacts"] == {"sent": 3}


async def test_how_a_customer_was_contacted_and_what_stood_against_it(
    http: httpx.AsyncClient, engagement: Engagement
) -> None:
    await engagement.tick(after(30))
    contacts = (await http.get("/v1/customers/C/contacts")).json()["contacts"]
    assert [(c["case"], c["verdict"], c.get("reason")) for c in contacts] == [
        ("C-retention-2-risk", "sent", None),
        ("B-retention-2-risk", "sent", None),
    ], "also those to an absorbed number"
    night = [engagement.tier("D", 5, "core"), engagement.risk("D", 5, "high")]
    await engagement.hear([*night, engagement.touchpoint("D", 6, "purchase.completed")])
    await engagement.tick(after(5))
    [held] = (await http.get("/v1/customers/D/contacts")).json()["contacts"]
    assert (held["verdict"], held["reason"]) == ("held", "quiet_hours")
    assert held["earliest_at"] == "2026-03-03T01:00:00Z"
    await engagement.tick(after(6))
    case = (await http.get("/v1/cases/D-retention-2-risk")).json()
    verdicts = {step["step"]: step["verdict"] for step in case["steps"]}
    assert verdicts == dict.fromkeys(["contact", "cause", "offer", "outreach"], "cancelled")
    [lost] = (await http.get("/v1/customers/D/contacts")).json()["contacts"]
    assert (lost["verdict"], lost["reason"]) == ("suppressed", "case_closed")
