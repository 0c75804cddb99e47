"""Who works on tickets, as a supervisor says over HTTP; and what an account manager hears."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from careline_contracts.events.ticketing import AgentState, TicketAssigned, TicketDigestRaised
from careline_contracts.topics import AGENTS, TICKET_DIGESTS
from careline_ticketing import actions_api, agents_api
from tests.runtime.signed_in import api_in_test, signed_in
from tests.ticketing.by_hand import (
    POLICY,
    Stage,
    always,
    at,
    complaint,
    fault,
    fresh_stage,
    record,
)

pytestmark = pytest.mark.stack

TECHNICIAN: dict[str, Any] = {"team": "technical", "capacity": 3, "hours": "working"}


@pytest.fixture
async def client(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    work, now = stage.stage.unit, lambda: at(hours=1)
    routes = agents_api.router(lambda: stage.engine.connect(), work, always(POLICY), now)
    actions = actions_api.router(work, stage.handlers, always(POLICY), now)
    transport = httpx.ASGITransport(app=api_in_test(routes, actions))
    headers = signed_in("supervisor", "chen")
    async with httpx.AsyncClient(
        transport=transport, base_url="http://ticketing", headers=headers
    ) as client:
        yield client


async def assigned(stage: Stage) -> list[str | None]:
    return [c.agent for c in await stage.changes() if isinstance(c, TicketAssigned)]


async def test_who_is_taken_on_gets_what_waits_and_who_is_away_hands_it_on(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    await stage.play([fault(at(), customer="C1"), fault(at(minutes=1), customer="C2")])
    await stage.tick(at(minutes=2))
    assert await assigned(stage) == [], "nobody works here yet"

    assert (await client.put("/v1/agents/li", json=TECHNICIAN)).json()["version"] == 1
    await stage.tick(at(hours=1))
    assert await assigned(stage) == ["li", "li"]

    await client.put("/v1/agents/wang", json={**TECHNICIAN, "skills": ["router"]})
    assert (await client.post("/v1/agents/li/absence")).json()["is_absent"]
    await stage.tick(at(hours=1))
    assert (await assigned(stage))[2:] == ["wang", "wang"]

    found = (await client.get("/v1/agents")).json()["agents"]
    shown = [(one["agent"], one["is_there"], one["open_tickets"]) for one in found]
    assert shown == [("li", False, 0), ("wang", True, 2)]

    await client.delete("/v1/agents/li/absence")
    await client.delete("/v1/agents/wang")
    await stage.tick(at(hours=1))
    assert (await assigned(stage))[4:] == ["li", "li"]


@pytest.mark.parametrize(
    ("given", "team"),
    [
        pytest.param({"agent": "li"}, "technical", id="the agent's own"),
        pytest.param({"agent": "li", "team": "returns"}, "returns", id="the one that is said"),
        pytest.param({"agent": "somebody"}, None, id="none of whoever does not work here"),
    ],
)
async def test_a_ticket_that_is_given_by_hand_goes_to_the_team(
    stage: Stage, client: httpx.AsyncClient, given: dict[str, str], team: str | None
) -> None:
    await client.put("/v1/agents/li", json=TECHNICIAN)
    await stage.play([complaint(at())])
    [state] = (await stage.states()).values()

    view = (await client.post(f"/v1/tickets/{state.ticket}/assign", json=given)).json()

    assert (view["agent"], view["team"]) == (given["agent"], team)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"team": "football"}, "there is no team 'football'", id="team"),
        pytest.param({"hours": "never"}, "there is no calendar 'never'", id="hours"),
        pytest.param(
            {"leave": [{"first": "2026-03-05", "last": "2026-03-04"}]},
            "a leave ends before it begins",
            id="leave",
        ),
    ],
)
async def test_what_the_policy_does_not_know_is_refused(
    stage: Stage, client: httpx.AsyncClient, change: dict[str, Any], said: str
) -> None:
    answer = await client.put("/v1/agents/li", json={**TECHNICIAN, **change})

    assert answer.status_code == 422
    assert said in answer.json()["detail"]
    assert await stage.records() == []


async def test_only_a_supervisor_says_who_works_here(client: httpx.AsyncClient) -> None:
    agent = signed_in("agent", "li")

    assert (await client.put("/v1/agents/li", json=TECHNICIAN, headers=agent)).status_code == 403
    assert (await client.post("/v1/agents/li/absence")).status_code == 404


async def test_a_database_that_is_built_anew_knows_the_agents(
    stage: Stage, client: httpx.AsyncClient, admin_url: str
) -> None:
    await client.put("/v1/agents/li", json=TECHNICIAN)
    await client.post("/v1/agents/li/absence")
    said = [s for s in await stage.said() if s.topic == AGENTS.name]

    async with fresh_stage(admin_url) as other:
        for one in reversed(said):
            payload = AgentState.parse(one.value)
            await other.hear([other.record(AGENTS.name, one.envelope, payload)])
        query = "SELECT agent, version, state FROM agents"
        assert await other.rows(query) == await stage.rows(query)


# the account manager


async def heard_by(stage: Stage, person: str) -> list[tuple[str, str]]:
    said = [s for s in await stage.said() if s.topic == TICKET_DIGESTS.name and s.key == person]
    digests = (TicketDigestRaised.parse(s.value) for s in said)
    return [(entry.what, entry.customer) for digest in digests for entry in digest.entries]


async def test_an_account_manager_hears_of_emergencies_and_of_broken_promises(
    stage: Stage,
) -> None:
    await stage.play(
        [
            record("C1", account_manager="mei"),
            record("C2", 2),
            record("C2", 1, account_manager="mei"),
            complaint(at(), customer="C1"),
            fault(at(minutes=1), "system_down", customer="C1"),
            complaint(at(), customer="C3"),
        ]
    )
    assert await heard_by(stage, "mei") == []
    await stage.tick(at(hours=2))

    told = await heard_by(stage, "mei")
    assert told.count(("opened", "C1")) == 1, "the emergency alone"
    assert ("escalated", "C1") in told
    assert {customer for _, customer in told} == {"C1"}


async def test_a_record_that_names_nobody_any_more_leaves_nobody_to_tell(stage: Stage) -> None:
    await stage.play([record("C1", 1, account_manager="mei")])
    await stage.play([record("C1", 2)])
    await stage.play([fault(at(), "system_down", customer="C1")])
    await stage.tick(at(hours=2))

    assert await stage.rows("SELECT account_manager, record_version FROM customers") == [(None, 2)]
    assert await heard_by(stage, "mei") == []
