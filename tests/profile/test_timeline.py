"""All touchpoints of a customer, newest first, page by page, with the identity they came by."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from careline_profile.card import Instant
from careline_profile.rules import customer_number
from careline_profile.timeline import api
from careline_profile.timeline.model import Cursor
from careline_profile.timeline.store import forget
from tests.profile.by_hand import MONDAY, Profile, ref
from tests.runtime.signed_in import api_in_test

ANN, ANNS_MAIL, BOB = "phone:13911112222", "email:ann@example.org", "phone:13933334444"
NUMBER = customer_number(ref(ANN))


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)), st.uuids())  # noqa: DTZ001
def test_a_cursor_survives_its_text(at: datetime, event: Any) -> None:
    cursor = Cursor(at.replace(tzinfo=UTC), event.hex)
    assert Cursor.read(str(cursor)) == cursor


@pytest.mark.parametrize("text", ["", "1", "1-xyz", "1-" + "0" * 31, "-1-" + "0" * 32])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a cursor"):
        Cursor.read(text)


@pytest.fixture
async def client(profile: Profile) -> AsyncIterator[httpx.AsyncClient]:
    app = api_in_test(api.router(profile.engine.connect))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://profile") as client:
        yield client


async def minutes(client: httpx.AsyncClient, **asked: Any) -> list[int]:
    """The minutes after Monday, 9 o'clock, of the touchpoints on a page."""
    answer = await client.get(f"/v1/customers/{NUMBER}/timeline", params=asked)
    assert answer.status_code == 200, answer.text
    times = [datetime.fromisoformat(t["occurred_at"]) for t in answer.json()["touchpoints"]]
    return [round((at - MONDAY).total_seconds() / 60) for at in times]


@pytest.mark.stack
async def test_the_timeline_joins_channels_and_identities_and_follows_a_merge(
    profile: Profile, client: httpx.AsyncClient
) -> None:
    await profile.hear(
        [
            profile.touchpoint(ANN, minutes=3, channel="phone", type="careline.call.missed.v1"),
            profile.touchpoint(ANNS_MAIL, minutes=1, channel="app"),
            profile.touchpoint(BOB, minutes=4),
            profile.touchpoint(ANN, ANNS_MAIL, minutes=2, channel="store", body={"store": "01"}),
        ]
    )
    answer = await client.get(f"/v1/customers/{NUMBER}/timeline")
    assert [
        (t["channel"], t["type"], t["identity"], t["details"]) for t in answer.json()["touchpoints"]
    ] == [
        ("phone", "careline.call.missed.v1", ref(ANN), {"feature": "search"}),
        ("store", "careline.feature.used.v1", ref(ANN), {"store": "01"}),
        ("app", "careline.feature.used.v1", ref(ANNS_MAIL), {"feature": "search"}),
    ]
    assert answer.json()["next"] is None
    assert await minutes(client, channel="store") == [2]
    assert await minutes(client, type="careline.call.missed.v1") == [3]
    between = {"since": "2026-03-02T09:01:00Z", "until": "2026-03-02T09:03:00Z"}
    assert await minutes(client, **between) == [2, 1]


@pytest.mark.stack
async def test_pages_show_each_touchpoint_once(profile: Profile, client: httpx.AsyncClient) -> None:
    await profile.hear([profile.touchpoint(ANN, ANNS_MAIL, minutes=0)])
    names = [ANN, ANNS_MAIL]
    events = [
        profile.touchpoint(names[n % 2], id=f"t{n}", minutes=n // 3, recorded=n) for n in range(20)
    ]
    await profile.hear(events)
    seen, asked = [], {"limit": "7"}
    while True:
        answer = (await client.get(f"/v1/customers/{NUMBER}/timeline", params=asked)).json()
        seen += [(t["occurred_at"], t["event"]) for t in answer["touchpoints"]]
        if answer["next"] is None:
            break
        asked["cursor"] = answer["next"]
    assert len(seen) == len(set(seen)) == 21
    assert seen == sorted(seen, reverse=True)


@pytest.mark.stack
async def test_the_same_event_twice_is_on_the_timeline_once(
    profile: Profile, client: httpx.AsyncClient
) -> None:
    event = profile.touchpoint(ANN, minutes=1)
    again = profile.raw(event.topic, headers=event.headers, value=event.value)
    await profile.hear([event, again], batch=1)
    assert await minutes(client) == [1]


@pytest.mark.stack
async def test_what_is_too_old_is_forgotten_and_counts_for_ever(
    profile: Profile, client: httpx.AsyncClient
) -> None:
    await profile.hear([profile.touchpoint(ANN, minutes=n) for n in (1, 2, 4)])
    for at, gone in ((3, 2), (3, 0)):
        await forget_before(profile, at, gone=gone)
    assert await minutes(client) == [4]
    assert await counted(profile) == ({"app": 3}, "09:01", "09:04")
    # late ones, and in another channel
    late = [
        profile.touchpoint(ANN, minutes=0),
        profile.touchpoint(ANN, minutes=3, channel="phone"),
    ]
    await profile.hear(late)
    await forget_before(profile, 5, gone=3)
    assert await minutes(client) == []
    assert await counted(profile) == ({"app": 4, "phone": 1}, "09:00", "09:04")


@pytest.mark.stack
async def test_as_of_an_instant_later_contacts_had_not_been(profile: Profile) -> None:
    await profile.hear([profile.touchpoint(ANN, minutes=n) for n in (1, 2, 4)])
    await profile.hear([profile.touchpoint(ANN, minutes=3, channel="phone")])
    assert await counted(profile, as_of=2) == ({"app": 2}, "09:01", "09:02")
    assert await counted(profile, as_of=3) == ({"app": 2, "phone": 1}, "09:01", "09:03")
    await forget_before(profile, 2, gone=1)
    assert await counted(profile, as_of=2) == ({"app": 2}, "09:01", "09:02")
    before_all = await profile.cards.customer(NUMBER, Instant(as_of=MONDAY))
    assert before_all and (before_all.touchpoints, before_all.first_contact_at) == ({}, None)


async def forget_before(profile: Profile, minute: int, *, gone: int) -> None:
    """As a week after this minute, where the timeline keeps a week."""
    async with profile.engine.begin() as connection:
        now = MONDAY + timedelta(days=7, minutes=minute)
        assert await forget(connection, now, kept_days=7) == gone


async def counted(profile: Profile, *, as_of: int | None = None) -> tuple[dict[str, int], str, str]:
    """How often, since when and until when Ann was in touch: her card, now or of a minute."""
    at = None if as_of is None else MONDAY + timedelta(minutes=as_of)
    card = await profile.cards.customer(NUMBER, Instant(as_of=at))
    assert card and card.first_contact_at and card.last_contact_at
    return card.touchpoints, f"{card.first_contact_at:%H:%M}", f"{card.last_contact_at:%H:%M}"


@pytest.mark.stack
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/customers/C00000000000Z/timeline", 404),
        (f"/v1/customers/{NUMBER}/timeline?cursor=yesterday", 422),
        (f"/v1/customers/{NUMBER}/timeline?limit=0", 422),
        (f"/v1/customers/{NUMBER}/timeline?channel=telepathy", 422),
    ],
)
async def test_what_cannot_be_answered_is_said(
    client: httpx.AsyncClient, path: str, status: int
) -> None:
    assert (await client.get(path)).status_code == status
