"""What one who asks scoring over HTTP is told: a score taken apart, who carries what, sums."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any, get_args

import httpx
import pytest

from careline_contracts.events.scoring import TagName
from careline_scoring import api, metrics, queries
from tests.runtime.signed_in import api_in_test
from tests.scoring.by_hand import Scoring, midnight, noon

pytestmark = pytest.mark.stack


@pytest.fixture
async def client(scoring: Scoring) -> AsyncIterator[httpx.AsyncClient]:
    app = api_in_test(
        api.router(scoring.engine.connect, lambda: scoring.timeline, lambda: noon(20))
    )
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://scoring") as client:
        yield client


@pytest.fixture
async def anns_score(scoring: Scoring, client: httpx.AsyncClient) -> dict[str, Any]:
    """Who bought twice and complained once, and bought something in a currency without a rate."""
    await scoring.hear(
        [
            scoring.purchase("C-ann", 60_000, day=0),
            scoring.purchase("C-ann", 60_000, day=10),
            scoring.activity("C-ann", "careline.complaint.raised.v1", day=20),
            scoring.purchase("C-ann", 5, day=20, currency="KRW"),
        ]
    )
    mismatches = metrics.score_mismatches._value.get()
    answer: dict[str, Any] = (await client.get("/v1/customers/C-ann/score")).json()
    assert metrics.score_mismatches._value.get() == mismatches
    return answer


async def test_a_score_is_taken_apart_to_the_point(anns_score: dict[str, Any]) -> None:
    assert anns_score["requested"] == anns_score["customer"] == "C-ann"
    assert _instant(anns_score["as_of"]) == noon(20)
    points = {c["measure"]: c["points"] for c in anns_score["contributions"]}
    assert points == {
        "spend": "20.00",
        "average_order_value": "10.00",
        "orders": "5.00",
        "enquiries": "0.00",
        "complaints": "3.50",
        "broken_promises": "3.00",
        "satisfaction": "1.00",
        "feedback_speed": "2.00",
        "activities": "0.00",
        "tenure": "0.00",
        "repurchases": "2.00",
        "renewals": "1.00",
        "payment_punctuality": "2.50",
        "referrals": "0.00",
        "converted_referrals": "0.00",
        "answers": "0.00",
        "reviews": "0.00",
    }
    assert Decimal(anns_score["total"]) == sum(map(Decimal, points.values())) == Decimal("50.00")
    assert anns_score["left_out"] == {"KRW": 1}


async def test_points_say_what_they_stand_on_and_until_when(anns_score: dict[str, Any]) -> None:
    by_measure = {c["measure"]: c for c in anns_score["contributions"]}
    assert by_measure["spend"]["evidence"] == {
        "value": 12_000_000,
        "unit": "minor_units",
        "from_day": "2024-01-01",
        "to_day": "2024-01-21",
        "since": "2023-12-31T16:00:00Z",
        "until": "2024-01-21T16:00:00Z",
        "kinds": ["purchase.completed", "order.placed", "purchase.returned"],
        "sources": [],
    }
    assert by_measure["spend"]["curve"] == {"from_value": 5_000_000, "below": None}
    assert by_measure["enquiries"]["evidence"] is None
    # the older purchase leaves on the 180th day: 60,000 is still full marks, nothing is not
    assert _instant(by_measure["spend"]["expires_at"]) == midnight(190)
    # in local time: who reads the date alone reads the business day
    assert by_measure["spend"]["expires_at"] == "2024-07-09T00:00:00+08:00"
    assert _instant(by_measure["complaints"]["expires_at"]) == midnight(200)


async def test_verdicts_come_with_the_score_and_their_reasons(anns_score: dict[str, Any]) -> None:
    assert anns_score["tags"] == {
        "value": "normal",
        "need": "none",
        "risk": "medium",
        "life_cycle": ["active"],
        "channel": ["app"],
        "part_of_day": ["afternoon"],
    }
    assert anns_score["tier"] == "potential"
    assert anns_score["reasons"]["risk"] == ["1 complaint in 90 days"]


async def test_what_would_lead_up_and_what_time_will_change(anns_score: dict[str, Any]) -> None:
    # high value, and two of the five repurchases
    assert anns_score["ways_up"][0] == {
        "verdict": "tier",
        "to": "core",
        "orders": 3,
        "amount_minor": 0,
        "currency": "CNY",
        "from_day": "2024-01-21",
    }
    assert _instant(anns_score["next_change_at"]) == midnight(90)
    assert anns_score["next_change"] == [
        {"what": "total", "from": "50.00", "to": "52.00"},
        {"what": "tenure", "from": "0.00", "to": "2.00"},
    ]


def _instant(text: str) -> object:
    return noon(0).fromisoformat(text)


async def test_advice_is_for_the_day_on_which_it_is_asked(scoring: Scoring) -> None:
    """Spend leaves the tier's year on day 370, which changes no verdict and no points."""
    enquired = scoring.activity("C-ann", "careline.enquiry.made.v1", day=0)
    bought = [scoring.purchase("C-ann", 9_000, day=day) for day in (5, 60)]
    await scoring.hear([enquired, *bought])
    await scoring.tick(noon(366))

    async def missing(day: int) -> tuple[int, str]:
        routes = api.router(scoring.engine.connect, lambda: scoring.timeline, lambda: noon(day))
        transport = httpx.ASGITransport(app=api_in_test(routes))
        async with httpx.AsyncClient(transport=transport, base_url="http://scoring") as asking:
            answer = (await asking.get("/v1/customers/C-ann/score")).json()
        assert _instant(answer["as_of"]) == midnight(365)
        [way] = [w for w in answer["ways_up"] if w["verdict"] == "tier" and w["orders"] == 1]
        return way["amount_minor"], way["from_day"]

    assert await missing(366) == (200_000, "2025-01-01")
    assert await missing(380) == (1_100_000, "2025-01-15")


async def test_a_month_that_has_not_begun_is_not_told(client: httpx.AsyncClient) -> None:
    for path in ("/v1/tiers/flow", "/v1/kpis"):
        assert (await client.get(path, params={"month": "2024-01"})).status_code == 200
        refused = await client.get(path, params={"month": "2024-02"})
        assert (refused.status_code, refused.json()["detail"]) == (404, "2024-02 has not begun")


async def test_a_score_can_be_asked_as_of_any_instant(
    scoring: Scoring, client: httpx.AsyncClient
) -> None:
    await scoring.hear([scoring.activity("C-ann", day=0), scoring.activity("C-ann", day=50)])

    async def as_of(day: int, **more: str) -> httpx.Response:
        asked = {"as_of": noon(day).isoformat(), **more}
        return await client.get("/v1/customers/C-ann/score", params=asked)

    past, future = (await as_of(10)).json(), (await as_of(140)).json()
    assert _instant(past["next_change_at"]) == midnight(90)  # dormant, had nothing happened since
    assert {"what": "need", "from": "none", "to": "dormant"} in past["next_change"]
    assert future["tags"]["need"] == "dormant"
    assert (await as_of(140, language="zh")).json()["reasons"]["need"] == ["90 天没有互动"]
    assert (await as_of(-1)).status_code == 404


async def test_what_tickets_and_outreach_told_names_its_events(
    scoring: Scoring, client: httpx.AsyncClient
) -> None:
    await scoring.hear(
        [
            scoring.activity("C-ann", "careline.sms.delivered.v1", day=4),
            scoring.answer("C-ann", "replied", day=5),
            scoring.ticket("C-ann", 2, day=6, broken={"first_response": 6}),
            scoring.ticket("C-ann", 3, day=8, broken={"first_response": 6}, rated={9: 8}),
        ]
    )
    await scoring.tick(noon(8))
    answer = (await client.get("/v1/customers/C-ann/score")).json()
    sources = {
        c["measure"]: [tuple(source.values()) for source in c["evidence"]["sources"]]
        for c in answer["contributions"]
        if c["evidence"]
    }
    assert sources["broken_promises"] == [
        ("e4", "careline.ticket.breached.v1", "2024-01-07", "T-C-ann")
    ]
    assert sources["satisfaction"] == [("e4", "careline.ticket.rated.v1", "2024-01-09", "T-C-ann")]
    assert sources["feedback_speed"] == [
        ("e2", "careline.outreach.answered.v1", "2024-01-06", None)
    ]


async def test_absorbed_numbers_resolve_and_unknown_ones_do_not(
    scoring: Scoring, client: httpx.AsyncClient
) -> None:
    await scoring.hear(
        [
            scoring.activity("C-ann", day=0),
            scoring.activity("C-bob", day=0),
            scoring.activity("C-carl", day=0),
            scoring.merge("C-bob", "C-carl", day=1),
            scoring.merge("C-ann", "C-bob", day=2),
        ]
    )
    answer = (await client.get("/v1/customers/C-carl/score")).json()
    assert (answer["requested"], answer["customer"]) == ("C-carl", "C-ann")
    assert (await client.get("/v1/customers/C-nobody/score")).status_code == 404


async def test_the_summary_counts_every_customer_once(
    scoring: Scoring, client: httpx.AsyncClient
) -> None:
    await scoring.hear(
        [
            scoring.purchase("C-ann", 150_000, day=0),
            scoring.activity("C-bob", day=0),
            scoring.activity("C-carl", day=0),
            scoring.merge("C-bob", "C-carl", day=1),
        ]
    )
    assert (await client.get("/v1/summary")).json() == {
        "customers": 2,
        "tiers": {"core": 0, "potential": 1, "basic": 0, "edge": 1},
        "value": {"high": 0, "potential": 0, "normal": 2},
        "need": {"active": 0, "latent": 0, "dormant": 0, "none": 2},
        "risk": {"high": 0, "medium": 0, "low": 2},
        "tags": {
            **{tag: {} for tag in get_args(TagName)},
            "life_cycle": {"active": 1, "prospect": 1},
        },
    }


async def found(client: httpx.AsyncClient, query: str) -> list[str]:
    """Who is found, page by page."""
    numbers, after = list[str](), ""
    while True:
        answer = await client.get(f"/v1/customers?{query}&limit=2&after={after}")
        assert answer.status_code == 200, answer.text
        page = answer.json()
        numbers += [one["customer"] for one in page["customers"]]
        if not (after := page["next"]):
            return numbers


@pytest.mark.parametrize("reach", [1, 3, queries.REACH])
async def test_customers_are_found_by_what_was_said_of_them_however_far_a_page_reaches(
    scoring: Scoring, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, reach: int
) -> None:
    monkeypatch.setattr(queries, "REACH", reach)
    await scoring.hear(
        [
            scoring.purchase("C-ann", 150_000, day=0),
            scoring.state("C-ann", 1, day=0, region="east", special_care=("elderly", "vip")),
            scoring.activity("C-bob", day=0),
            scoring.state("C-bob", 1, day=0, region="东区", special_care=("vip",)),
            *(scoring.activity(number, day=0) for number in ("C-carl", "C-dora", "C-eve")),
            scoring.merge("C-dora", "C-eve", day=1),
        ]
    )
    await scoring.tick(noon(1))
    everybody = ["C-ann", "C-bob", "C-carl", "C-dora"]
    assert {
        query: await found(client, query)
        for query in (
            "",
            "tier=potential",
            "tier=edge&value=normal&need=none&risk=low",
            "tier=core",
            "tag=care:vip",
            "tag=care:vip&tag=care:elderly",
            "tag=care:vip&tag=region:东区&tier=edge",
            "tag=region:west",
            "tag=life_cycle:prospect",
        )
    } == {
        "": everybody,
        "tier=potential": ["C-ann"],
        "tier=edge&value=normal&need=none&risk=low": everybody[1:],
        "tier=core": [],
        "tag=care:vip": ["C-ann", "C-bob"],
        "tag=care:vip&tag=care:elderly": ["C-ann"],
        "tag=care:vip&tag=region:东区&tier=edge": ["C-bob"],
        "tag=region:west": [],
        "tag=life_cycle:prospect": everybody[1:],
    }


async def test_who_is_found_is_shown_as_the_score_shows_them(
    scoring: Scoring, client: httpx.AsyncClient
) -> None:
    await scoring.hear([scoring.purchase("C-ann", 150_000, day=0)])
    answer = (await client.get("/v1/customers?tier=potential")).json()
    score = (await client.get("/v1/customers/C-ann/score")).json()
    verdicts = {name: score["tags"].pop(name) for name in ("value", "need", "risk")}
    shown = {name: score[name] for name in ("customer", "total", "tier", "tags")}
    assert answer == {
        "customers": [{**shown, **verdicts, "as_of": "2024-01-01T04:00:00Z"}],
        "next": None,
    }


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("tier=gold", "Input should be 'core', 'potential', 'basic' or 'edge'"),
        ("tag=colour:red", "'colour' is no tag; there are life_cycle, party"),
        ("tag=region", "'region' names no value of region, as region:east does"),
        ("tag=region:%00", "String should match pattern"),
        ("teir=core", "Extra inputs are not permitted"),
        ("limit=501", "Input should be less than or equal to 500"),
    ],
)
async def test_what_nobody_can_be_is_refused_in_words(
    client: httpx.AsyncClient, query: str, words: str
) -> None:
    answer = await client.get(f"/v1/customers?{query}")
    assert answer.status_code == 422
    assert words in answer.json()["detail"][0]["msg"]
