"""Who takes which ticket: by team, skill, load, shift and leave; in turn; and nobody starves."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careline_calendar.working import MOMENT
from careline_contracts.events.ticketing import (
    TicketAssigned,
    TicketDigestRaised,
    TicketUnassignable,
)
from careline_contracts.topics import TICKET_DIGESTS
from careline_ticketing.desk import BEFORE_ALL
from careline_ticketing.policy import Agent, Policy
from careline_ticketing.rules.assignment import Turn, Waiting, assign, next_shift, served
from careline_ticketing.store import turns
from tests.runtime.by_hand import fresh_database
from tests.ticketing.by_hand import POLICY, Stage, at, enquiry, fault, record, resolution


def an_agent(**more: Any) -> Agent:
    usual = {"team": "technical", "capacity": 3, "hours": "working"}
    return Agent.model_validate({**usual, **more})


def staffed(**agents: Agent) -> Policy:
    return POLICY.model_copy(update={"agents": agents})


def a_ticket(number: int = 0, **more: Any) -> Waiting:
    opened_at = at(minutes=number)
    ticket = Waiting(f"T{number:03}", "fault", "L3", "login", None, opened_at, None)
    return ticket._replace(**more)


NOON = at(hours=2)


def taken(
    queue: list[Waiting], policy: Policy, *, loads: dict[str, int], as_of: datetime = NOON
) -> list[str | None]:
    turns = {name: Turn(loads.get(name, 0), BEFORE_ALL) for name in policy.agents}
    return [one.agent for one in assign(queue, turns, policy, as_of)]


@pytest.mark.parametrize(
    ("policy", "loads", "expected"),
    [
        pytest.param(staffed(li=an_agent()), {}, "li", id="who is there"),
        pytest.param(staffed(li=an_agent(team="sales")), {}, None, id="not another team's"),
        pytest.param(staffed(li=an_agent()), {"li": 3}, None, id="not who has enough"),
        pytest.param(
            staffed(li=an_agent(), wang=an_agent(skills=["login"])),
            {"wang": 2},
            "wang",
            id="who knows the subject, though busier",
        ),
        pytest.param(
            staffed(li=an_agent(), wang=an_agent()), {"li": 1}, "wang", id="the less busy"
        ),
        pytest.param(
            staffed(li=an_agent(capacity=9), wang=an_agent(capacity=2)),
            {"li": 2, "wang": 1},
            "li",
            id="busy is by what each can bear",
        ),
        pytest.param(
            staffed(li=an_agent(leave=[{"first": "2026-03-02", "last": "2026-03-02"}])),
            {},
            None,
            id="not who is on leave",
        ),
    ],
)
def test_a_ticket_goes_to(policy: Policy, loads: dict[str, int], expected: str | None) -> None:
    assert taken([a_ticket()], policy, loads=loads) == [expected]


@pytest.mark.parametrize(
    ("ticket", "loads", "expected"),
    [
        pytest.param({"kind": "complaint"}, {}, "mei", id="a complaint is the manager's"),
        pytest.param({"kind": "complaint"}, {"mei": 3}, "li", id="who has enough takes no more"),
        pytest.param({"kind": "fault"}, {}, "wang", id="a fault is for who can mend it"),
        pytest.param({"account_manager": "zhao"}, {}, "li", id="who doesn't work tickets"),
    ],
)
def test_whose_a_ticket_of_an_account_manager_s_customer_is(
    ticket: dict[str, Any], loads: dict[str, int], expected: str
) -> None:
    policy = staffed(mei=an_agent(team="sales"), li=an_agent(team="after_sales"), wang=an_agent())
    usual = {"kind": "complaint", "account_manager": "mei"}

    assert taken([a_ticket(**{**usual, **ticket})], policy, loads=loads) == [expected]


def test_nobody_is_given_work_outside_the_shift() -> None:
    assert taken([a_ticket()], staffed(li=an_agent()), loads={}, as_of=at(hours=12)) == [None]


@given(st.integers(1, 5), st.integers(0, 40))
def test_turns_are_fair(agents: int, tickets: int) -> None:
    policy = staffed(**{f"a{n}": an_agent(capacity=100) for n in range(agents)})

    counts = Counter(taken([a_ticket(n) for n in range(tickets)], policy, loads={}))

    assert sum(counts.values()) == tickets
    shares = [counts[f"a{n}"] for n in range(agents)]
    assert max(shares) - min(shares) <= 1


def test_a_lane_is_a_head_start_and_nobody_starves() -> None:
    core, patient, recent = a_ticket(180, tier="core"), a_ticket(0), a_ticket(100)
    starving = a_ticket(-61)

    order = sorted([recent, core, patient, starving], key=lambda one: served(one, POLICY))

    assert order == [starving, core, patient, recent], "a core customer's head start is 4 hours"


def test_special_care_has_a_lane_and_of_several_the_longest_head_start() -> None:
    vip, elderly = a_ticket(180, care=["elderly", "vip"]), a_ticket(170, care=["elderly"])
    core_and_vip, usual = a_ticket(400, tier="core", care=["vip"]), a_ticket(0)

    order = sorted([usual, elderly, core_and_vip, vip], key=lambda one: served(one, POLICY))

    assert order == [core_and_vip, vip, usual, elderly]


def test_the_queue_is_looked_at_again_when_a_shift_or_a_leave_begins() -> None:
    leave = {"first": "2026-03-03", "last": "2026-03-04"}

    assert next_shift(staffed(li=an_agent()), at(hours=12)) == at(hours=23)
    assert next_shift(staffed(li=an_agent(leave=[leave])), at()) == at(hours=14), "at midnight"


# the whole service


@pytest.fixture
async def desk(admin_url: str) -> AsyncIterator[Stage]:
    """Two technicians, one of whom is away from Tuesday on."""
    leave = [{"first": "2026-03-03", "last": "2026-03-06"}]
    policy = staffed(li=an_agent(leave=leave), wang=an_agent())
    async with fresh_database(admin_url, "ticketing") as engine:
        yield Stage(engine, policy)


async def assigned(stage: Stage) -> list[str | None]:
    return [c.agent for c in await stage.changes() if isinstance(c, TicketAssigned)]


@pytest.mark.stack
async def test_tickets_find_their_agents_and_move_on_when_one_is_away(desk: Stage) -> None:
    await desk.play([fault(at(minutes=n), customer=f"C{n}") for n in range(3)])
    await desk.tick(at(hours=1))
    assert Counter(await assigned(desk)) == {"li": 2, "wang": 1}

    await desk.tick(at(hours=24))
    assert (await assigned(desk))[3:] == ["wang", "wang"], "li is on leave"


@pytest.mark.stack
async def test_what_nobody_can_take_stands_before_nothing_that_somebody_can(
    desk: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "AT_ONCE", 2)
    await desk.play([enquiry(at(minutes=n), customer=f"E{n}") for n in range(3)])
    await desk.play([fault(at(minutes=n), "question", customer=f"Q{n}") for n in range(3, 9)])
    await desk.play([fault(at(minutes=20), "system_down", customer="L1")])
    await desk.tick(at(minutes=30))

    taken = [c.customer for c in await desk.changes() if isinstance(c, TicketAssigned)]
    assert (taken[0], len(taken)) == ("L1", 6), "it has a day's head start; then all that two bear"


@pytest.mark.stack
async def test_whoever_needs_special_care_is_served_before_the_ordinary_queue(
    desk: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "AT_ONCE", 2)
    people = [f"C{n}" for n in range(8)]
    await desk.play([record("C7", special_care="vip"), record("C6", special_care="hearing")])
    await desk.play([fault(at(minutes=n), customer=one) for n, one in enumerate(people)])
    await desk.tick(at(minutes=30))
    taken = [c.customer for c in await desk.changes() if isinstance(c, TicketAssigned)]
    assert taken == ["C7", *people[:5]], "as many as two can bear"

    await desk.play([record("C7", version=2)])
    assert await desk.rows("SELECT care FROM customers WHERE number = 'C7'") == [([],)]


@pytest.mark.stack
async def test_what_nobody_can_take_is_a_state_that_on_call_hears_of_once(desk: Stage) -> None:
    await desk.play([enquiry(at(), reference="r1")])
    for hours in (1, 2, 30, 60):
        await desk.tick(at(hours=hours))

    changes = [c for c in await desk.changes() if isinstance(c, TicketUnassignable)]
    assert [(c.team, c.as_of) for c in changes] == [("sales", at() + MOMENT)]
    [state] = (await desk.states()).values()
    assert state.unassignable_since == at() + MOMENT
    assert await desk.rows("SELECT unassignable_since FROM tickets") == [(at() + MOMENT,)]
    said = [s for s in await desk.said() if s.topic == TICKET_DIGESTS.name]
    told = [
        (digest.person, entry.what)
        for digest in (TicketDigestRaised.parse(s.value) for s in said)
        for entry in digest.entries
    ]
    assert told.count(("team_lead", "unassignable")) == 1


@pytest.mark.stack
async def test_two_instances_at_once_give_nothing_twice(desk: Stage) -> None:
    other = Stage(desk.engine, staffed(li=an_agent(), wang=an_agent()))
    for turn in range(3):
        await desk.play([fault(at(minutes=turn), customer=f"C{turn}{n}") for n in range(2)])
        await asyncio.gather(desk.tick(at(minutes=turn)), other.tick(at(minutes=turn)))

    taken = [c for c in await desk.changes() if isinstance(c, TicketAssigned)]
    assert len({c.ticket for c in taken}) == len(taken) == 6
    assert Counter(c.agent for c in taken) == {"li": 3, "wang": 3}


@pytest.mark.stack
async def test_who_becomes_free_is_given_the_next(desk: Stage) -> None:
    await desk.play([fault(at(minutes=n), customer=f"C{n}", reference="r") for n in range(7)])
    await desk.tick(at(hours=1))
    assert len(await assigned(desk)) == 6, "all that two can bear"

    await desk.play([resolution(at(hours=2), "r", customer="C0")])
    await desk.tick(at(hours=2, minutes=1))
    assert len(await assigned(desk)) == 7


@pytest.mark.stack
async def test_who_has_solved_everything_and_who_never_had_any_take_turns(desk: Stage) -> None:
    await desk.play([fault(at(), customer="C0", reference="r")])
    await desk.tick(at(minutes=1))
    await desk.play([resolution(at(minutes=2), "r", customer="C0")])
    await desk.play([fault(at(minutes=n), customer=f"C{n}") for n in (3, 4)])
    await desk.tick(at(minutes=5))

    assert await assigned(desk) == ["li", "wang", "li"]
