"""When many customers have one problem: what is alike, how grave it is, what is said of it."""

import random
from collections.abc import AsyncIterator

import httpx
import pytest

from careline_contracts.events.ticketing import Level, MassNoticeRequested
from careline_contracts.topics import CRISES, CRISIS_CHANGES
from careline_ticketing import crisis_api
from careline_ticketing.rules.crisis import Affected, clusters, crises, grade
from tests.runtime.signed_in import api_in_test, signed_in
from tests.ticketing.by_hand import POLICY, Event, Stage, always, at, complaint, fault, tier

RULES = POLICY.crisis


def affected(
    number: int, label: str = "login", level: Level = "L2", who: str | None = None, worth: str = ""
) -> Affected:
    customer = who or f"C{number}"
    return Affected(f"T{number:03}", customer, label, level, at(minutes=number), worth or None)


@pytest.mark.parametrize(
    ("labels", "count"),
    [
        pytest.param(["login", "Login", "log-in app", "login app"], 1, id="spelt in many ways"),
        pytest.param(["login", "billing"], 2, id="two problems"),
        pytest.param(["error 55", "error 56"], 2, id="two numbers"),
        pytest.param(["checkout router", "checkout phone"], 2, id="two products"),
    ],
)
def test_what_channels_call_alike_is_one_problem(labels: list[str], count: int) -> None:
    found = clusters([affected(n, label) for n, label in enumerate(labels)], RULES)

    assert len(found) == count


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        pytest.param([affected(n) for n in range(4)], None, id="four are too few"),
        pytest.param([affected(n) for n in range(5)], 3, id="five with a broken function"),
        pytest.param([affected(n, level="L3") for n in range(9)], None, id="nine with a question"),
        pytest.param([affected(n, who="C1") for n in range(60)], None, id="one who calls often"),
        pytest.param([affected(n, level="L1") for n in range(20)], 2, id="twenty in the dark"),
        pytest.param([affected(n, level="L1", worth="core") for n in range(50)], 1, id="core"),
    ],
)
def test_a_grade_is_customers_by_worth_by_urgency(
    cluster: list[Affected], expected: int | None
) -> None:
    found, _ = grade(cluster, RULES)

    assert (found.grade if found else None) == expected


def test_the_order_in_which_we_heard_of_tickets_does_not_matter() -> None:
    tickets = [affected(n, random.Random(n).choice(["login", "log-in", "bill"])) for n in range(40)]
    shuffled = random.Random(7).sample(tickets, len(tickets))

    assert crises(tickets, [], RULES, at(hours=1)) == crises(shuffled, [], RULES, at(hours=1))


def test_a_crisis_grows_and_becomes_graver_but_is_not_opened_again() -> None:
    [small] = crises([affected(n) for n in range(5)], [], RULES, at(minutes=10))
    [large] = crises([affected(n) for n in range(30)], [small], RULES, at(minutes=40))

    assert (large.id, large.opened_at, large.version) == (small.id, small.opened_at, 2)
    assert (small.grade, large.grade, len(large.tickets)) == (3, 2, 30)
    assert crises([affected(n) for n in range(30)], [large], RULES, at(minutes=41)) == []


# the whole service


def an_outage(customers: int) -> list[Event]:
    return [
        fault(at(minutes=n), category="login", product="app", customer=f"C{n}")
        for n in range(customers)
    ]


@pytest.mark.stack
async def test_a_wave_of_faults_opens_one_crisis_and_asks_for_one_notice_a_customer(
    stage: Stage,
) -> None:
    await stage.play([*an_outage(8), complaint(at(), customer="C99", category="billing")])
    await stage.tick(at(hours=1))

    said = [s for s in await stage.said() if s.topic == CRISIS_CHANGES.name]
    names = [s.envelope.type.removeprefix("careline.") for s in said]
    assert names.count("crisis.opened.v1") == 1
    notices = [
        MassNoticeRequested.parse(s.value)
        for s in said
        if s.envelope.type == MassNoticeRequested.type
    ]
    informed = [customer for notice in notices for customer in notice.customers]
    assert sorted(informed) == [f"C{n}" for n in range(8)]
    states = [s for s in await stage.said() if s.topic == CRISES.name]
    assert len({s.key for s in states}) == 1


@pytest.mark.stack
async def test_what_a_customer_is_worth_weighs(stage: Stage) -> None:
    await stage.play([tier(f"C{n}", "core") for n in range(5)])
    reports = [enquiry_like(n) for n in range(5)]
    await stage.play(reports)
    await stage.tick(at(hours=1))

    [(weight,)] = await stage.rows("SELECT crisis -> 'weight' FROM crises")
    assert float(weight) == 50.0


def enquiry_like(number: int) -> Event:
    return complaint(at(minutes=number), customer=f"C{number}", category="invoice")


@pytest.fixture
async def client(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    routes = crisis_api.router(
        lambda: stage.engine.connect(), stage.stage.unit, always(POLICY), lambda: at(hours=9)
    )
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=api_in_test(routes)),
        base_url="http://ticketing",
        headers=signed_in("supervisor", "wang"),
    ) as client:
        yield client


@pytest.mark.stack
async def test_a_crisis_ends_with_what_was_learned(stage: Stage, client: httpx.AsyncClient) -> None:
    await stage.play(an_outage(6))
    await stage.tick(at(hours=1))
    [crisis] = (await client.get("/v1/crises", params={"status": "open"})).json()["crises"]
    lesson = {"cause": "certificate expired", "lesson": "watch the date", "actions": ["alert"]}

    for _ in range(2):
        closed = await client.post(f"/v1/crises/{crisis['crisis']}/close", json=lesson)

    assert closed.json()["status"] == "closed"
    assert closed.json()["version"] == crisis["version"] + 1, "twice is once"
    assert (await client.get("/v1/crises", params={"status": "open"})).json()["crises"] == []
    assert (await client.get(f"/v1/crises/{crisis['crisis']}")).json()["cause"] == lesson["cause"]
    assert (await client.post("/v1/crises/K0/close", json=lesson)).status_code == 404
