"""What people do about tickets over HTTP counts once, and is known to a replay."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from careline_contracts.events.ticketing import TicketActed, TicketRated
from careline_contracts.topics import TICKET_ACTIONS
from careline_ticketing import actions_api
from tests.runtime.signed_in import api_in_test, signed_in
from tests.ticketing.by_hand import (
    POLICY,
    Stage,
    always,
    at,
    complaint,
    fresh_stage,
    resolution,
)

pytestmark = pytest.mark.stack


@pytest.fixture
async def client(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    routes = actions_api.router(
        stage.stage.unit, stage.handlers, always(POLICY), lambda: at(hours=3)
    )
    transport = httpx.ASGITransport(app=api_in_test(routes))
    headers = signed_in("agent", "li")
    async with httpx.AsyncClient(
        transport=transport, base_url="http://ticketing", headers=headers
    ) as client:
        yield client


async def the_ticket(stage: Stage) -> str:
    await stage.play([complaint(at(), reference="r1")])
    [state] = (await stage.states()).values()
    return state.ticket


async def test_an_agent_opens_a_ticket_by_hand(stage: Stage, client: httpx.AsyncClient) -> None:
    opening = {"customer": "C1", "report": "fault.reported", "impact": "system_down"}

    answer = await client.post("/v1/tickets", json=opening)

    assert answer.status_code == 201
    assert (answer.json()["kind"], answer.json()["level"]) == ("fault", "L1")


async def test_by_hand_and_by_a_channel_is_one_ticket(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    ticket = await the_ticket(stage)

    answer = await client.post("/v1/tickets", json={"customer": "C1", "report": "complaint.raised"})

    assert (answer.json()["ticket"], answer.json()["touchpoints"]) == (ticket, 2)


@pytest.mark.parametrize(
    ("verb", "body", "expected"),
    [
        pytest.param("respond", {}, {"status": "open"}, id="an answer"),
        pytest.param("pause", {"waiting_for": "customer"}, {"waiting_for": "customer"}, id="pause"),
        pytest.param(
            "assign", {"team": "returns", "agent": "wang"}, {"agent": "wang"}, id="assignment"
        ),
        pytest.param("prioritise", {"level": "L1"}, {"level": "L1"}, id="level"),
        pytest.param("note", {"reference": "crm:note/1"}, {"touchpoints": 2}, id="note"),
        pytest.param("link", {"to": "kb:restart"}, {"touchpoints": 2}, id="article"),
        pytest.param("resolve", {"cause": "courier"}, {"status": "resolved"}, id="resolution"),
    ],
)
async def test_what_an_agent_does(
    stage: Stage,
    client: httpx.AsyncClient,
    verb: str,
    body: dict[str, Any],
    expected: dict[str, Any],
) -> None:
    ticket = await the_ticket(stage)

    view = (await client.post(f"/v1/tickets/{ticket}/{verb}", json=body)).json()

    assert {name: view[name] for name in expected} == expected
    assert view["steps"][-1]["agent"] == (body.get("agent") or "li")


async def test_the_same_key_counts_once(stage: Stage, client: httpx.AsyncClient) -> None:
    ticket = await the_ticket(stage)
    key = {"idempotency-key": "k1"}

    for _ in range(2):
        answer = await client.post(f"/v1/tickets/{ticket}/resolve", json={}, headers=key)
        assert answer.status_code == 200

    assert [type(c).__name__ for c in await stage.changes()].count("TicketResolved") == 1


@pytest.mark.parametrize(
    ("verb", "body", "status"),
    [
        pytest.param("resume", {}, 409, id="nothing stood still"),
        pytest.param("rate", {"score": 9}, 409, id="not yet resolved"),
        pytest.param("pause", {}, 422, id="for whom?"),
        pytest.param("rate", {"score": 11}, 422, id="no such score"),
        pytest.param("sing", {}, 422, id="no such action"),
    ],
)
async def test_what_is_refused_leaves_no_trace(
    stage: Stage, client: httpx.AsyncClient, verb: str, body: dict[str, Any], status: int
) -> None:
    ticket = await the_ticket(stage)
    before = await stage.records()

    answer = await client.post(f"/v1/tickets/{ticket}/{verb}", json=body)

    assert answer.status_code == status
    assert await stage.records() == before


async def test_who_is_refused_hears_what_may_be_done_in_words_of_the_interface(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    ticket = await the_ticket(stage)

    desk = await client.post(f"/v1/tickets/{ticket}/resume", json={})
    [state] = (await stage.states()).values()
    own = await client.post(
        f"/v1/customers/{state.customer}/tickets/{ticket}/rate", json={"score": 9}
    )

    every_day = "reply, respond, fix, pause, assign, prioritise, note, link, resolve, close"
    assert desk.json()["detail"] == f"a ticket that is open takes: {every_day}"
    assert own.json()["detail"] == "a ticket that is open takes: reply"


async def test_acts_of_one_instant_count_in_the_order_in_which_they_were_done(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    """The clock stands still meanwhile, and names sort as they like."""
    ticket = await the_ticket(stage)
    for _ in range(4):
        for verb, body in (("resolve", {}), ("rate", {"score": 9}), ("reopen", {})):
            answer = await client.post(f"/v1/tickets/{ticket}/{verb}", json=body)
            assert answer.status_code == 200
    acts = [step["act"] for step in answer.json()["steps"]]
    assert acts[1:] == ["resolved", "rated", "reopened"] * 4


async def test_a_customer_rates_an_own_ticket_and_no_other(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    ticket = await the_ticket(stage)
    await stage.play([resolution(at(hours=1), "r1", agent="wang")])

    def path(customer: str) -> str:
        return f"/v1/customers/{customer}/tickets/{ticket}/rate"

    assert (await client.post(path("C2"), json={"score": 9})).status_code == 404
    assert (await client.post(path("C1"), json={"score": 9})).status_code == 200
    rated = (await stage.changes())[-1]
    assert isinstance(rated, TicketRated)
    assert (rated.score, rated.agent, rated.identity) == (9, "wang", "phone:of-C1")
    [rating] = (await stage.states())[ticket].ratings
    assert (rating.score, rating.agent, rating.rated_at) == (9, "wang", at(hours=3))


async def test_who_may_not_work_tickets_changes_nothing(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    ticket = await the_ticket(stage)

    answer = await client.post(
        f"/v1/tickets/{ticket}/resolve", json={}, headers=signed_in("auditor")
    )

    assert answer.status_code == 403


async def test_a_replay_of_the_topics_knows_what_people_did(
    stage: Stage, client: httpx.AsyncClient, admin_url: str
) -> None:
    ticket = await the_ticket(stage)
    await client.post(f"/v1/tickets/{ticket}/pause", json={"waiting_for": "customer"})
    acted = [s for s in await stage.said() if s.topic == TICKET_ACTIONS.name]
    states = await stage.states()

    async with fresh_stage(admin_url) as other:
        await other.play([complaint(at(), reference="r1")])
        for one in acted:
            payload = TicketActed.parse(one.value)
            await other.hear([other.record(TICKET_ACTIONS.name, one.envelope, payload)])
        assert await other.states() == states
