"""What one who asks profile over HTTP is told, and what never."""

from collections.abc import AsyncIterator

import httpx
import pytest

from careline_profile.rules import customer_number
from tests.profile.by_hand import Profile, ref

pytestmark = pytest.mark.stack

ANN, ANNS_MAIL, CARD = "phone:13911112222", "email:ann@example.org", "member_card:00001"
NUMBER, MAIL_NUMBER = customer_number(ref(ANN)), customer_number(ref(ANNS_MAIL))


@pytest.fixture
async def client(profile: Profile) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=profile.api)
    async with httpx.AsyncClient(transport=transport, base_url="http://profile") as client:
        yield client


@pytest.fixture
async def ann(profile: Profile) -> None:
    """Ann by phone, then by e-mail, then by both: one customer, two numbers."""
    await profile.hear(
        [
            profile.touchpoint(ANN, channel="phone", minutes=5),
            profile.touchpoint(ANNS_MAIL, channel="app", minutes=6),
            profile.touchpoint(ANNS_MAIL, ANN, channel="phone", minutes=7),
        ]
    )


@pytest.mark.usefixtures("ann")
@pytest.mark.parametrize("number", [NUMBER, MAIL_NUMBER])
async def test_any_number_leads_to_the_customer(client: httpx.AsyncClient, number: str) -> None:
    answer = await client.get(f"/v1/customers/{number}")
    assert answer.status_code == 200
    assert answer.json() == {
        "customer": NUMBER,
        "requested": number,
        "merged_into": None if number == NUMBER else NUMBER,
        "version": 2,
        "created_at": "2026-03-02T09:05:00Z",
        "aliases": [MAIL_NUMBER],
        "identities": [
            {"kind": "phone", "identity": ref(ANN), "since": "2026-03-02T09:05:00Z"},
            {"kind": "email", "identity": ref(ANNS_MAIL), "since": "2026-03-02T09:06:00Z"},
        ],
        "source_channel": "phone",
        "first_contact_at": "2026-03-02T09:05:00Z",
        "last_contact_at": "2026-03-02T09:07:00Z",
        "touchpoints": {"app": 1, "phone": 2},
        "record": {"fields": {}, "consents": [], "contracts": []},
        "reminders": [],
    }


@pytest.mark.usefixtures("ann")
@pytest.mark.parametrize(
    "identity",
    [
        pytest.param("phone:+8613911112222", id="E.164"),
        pytest.param("phone:139-1111 2222", id="as a person types it"),
        pytest.param("email:Ann@Example.org", id="in another case"),
    ],
)
async def test_an_identity_leads_to_the_customer(client: httpx.AsyncClient, identity: str) -> None:
    for answer in (
        await client.get("/v1/customers", params={"identity": identity}),
        await client.post("/v1/customers/lookup", json={"identity": identity}),
    ):
        assert answer.status_code == 200
        assert answer.json()["customer"] == NUMBER
        assert "13911112222" not in answer.text
        assert "example.org" not in answer.text.lower()


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/v1/customers/C00000000000Z", 404, "no customer has the number"),
        ("/v1/customers/nonsense", 422, "pattern"),
        ("/v1/customers?identity=phone:13977778888", 404, "no customer has this identity"),
        ("/v1/customers?identity=phone:abc", 422, "phone is not a phone number"),
        ("/v1/customers?identity=13977778888", 422, "an identity is kind:value"),
        ("/v1/customers?identity=passport:1", 422, "kind one of phone, email"),
        ("/v1/customers", 422, "identity"),
    ],
)
async def test_what_is_not_there_is_said_in_words(
    client: httpx.AsyncClient, path: str, status: int, words: str
) -> None:
    answer = await client.get(path)
    assert answer.status_code == status
    assert words in answer.text


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"identity": "phone:13977778888"}, 404, "no customer has this identity"),
        ({"identity": "13977778888"}, 422, "an identity is kind:value"),
        ({"identity": f"phone:{'1' * 300}"}, 422, "300 characters"),
        ({}, 422, "identity"),
    ],
)
async def test_a_lookup_that_finds_nobody_says_why(
    client: httpx.AsyncClient, body: dict[str, str], status: int, words: str
) -> None:
    answer = await client.post("/v1/customers/lookup", json=body)
    assert answer.status_code == status
    assert words in answer.text


@pytest.mark.usefixtures("ann")
async def test_the_summary_counts_customers_once(
    profile: Profile, client: httpx.AsyncClient
) -> None:
    await profile.hear([profile.touchpoint(CARD), profile.touchpoint(CARD, "member_card:00002")])
    answer = await client.get("/v1/summary")
    assert answer.json() == {"customers": 3, "identities": 4, "merged": 1, "reviews": 1}
