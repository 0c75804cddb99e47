"""One contact budget (CARE-2): never over a cap, the more urgent first, a reason for the rest."""

import asyncio
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from careline_engagement.model import ALWAYS, Consent, Entry, Family, Ruling
from careline_engagement.policy import EngagementPolicy
from careline_engagement.policy.budget import BudgetPolicy, Cap
from careline_engagement.rules import Book, Edition, advance
from careline_engagement.rules.budget import Slot, Spent, Wish, earliest, fate
from careline_runtime.database import create_engine
from tests.engagement.by_hand import Engagement, after, shipped_policy
from tests.runtime.by_hand import fresh_database

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 3, 3, 12, tzinfo=SHANGHAI)


def a_budget(*caps: tuple[int, int], **fields: object) -> BudgetPolicy:
    return BudgetPolicy.model_validate(
        {
            "caps": [{"most": most, "days": days} for most, days in caps or [(1, 1), (3, 30)]],
            "quiet_hours": {"begin": "21:00", "end": "09:00"},
            "holidays_of": "CN",
            "time_zone": "Asia/Shanghai",
            "by_people": ["call.completed"],
            "purposes": {
                "care": {"consent": "not_refused"},
                "marketing": {"consent": "given"},
                "service": {"consent": "not_refused", "duty": True},
            },
            **fields,
        }
    )


def a_wish(
    at: datetime = NOON, *, channel: str = "sms", purpose: str = "care", on_holidays: bool = False
) -> Wish:
    return Wish(at, channel, purpose, on_holidays=on_holidays)


def a_contact(at: datetime, channel: str = "sms") -> Spent:
    return Spent(at, channel, at)


def spent(*days: float) -> list[Spent]:
    """Contacts so many days before `NOON`."""
    return [a_contact(NOON - timedelta(days=d), "phone") for d in sorted(days, reverse=True)]


def a_consent(days: float, *, granted: bool, channel: str = "any", **fields: str) -> Consent:
    at = NOON - timedelta(days=days)
    return Consent(at, "A", channel, fields.get("purpose", "any"), granted, f"c{days}")


def slot(wish: Wish, before: Sequence[Spent] = (), consents: Sequence[Consent] = ()) -> Slot:
    return earliest(wish, before, consents, SHANGHAI, a_budget())


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        pytest.param([], Slot(NOON), id="nobody has called: now"),
        pytest.param(
            spent(0.5),
            Slot(NOON + timedelta(days=0.5) + timedelta(hours=9), "quiet_hours"),
            id="a contact last midnight frees the slot at night: at nine",
        ),
        pytest.param(
            spent(0.25),
            Slot(datetime(2026, 3, 4, 9, tzinfo=SHANGHAI), "quiet_hours"),
            id="called this morning at six: the day is over at six, the night at nine",
        ),
        pytest.param(spent(1), Slot(NOON), id="a day is over when it is over"),
        pytest.param(
            spent(29, 20, 10),
            Slot(NOON + timedelta(days=1), "cap_3_in_30_days"),
            id="the month has room when its first contact leaves it, not a month later",
        ),
    ],
)
def test_the_earliest_instant_is_computed(before: list[Spent], expected: Slot) -> None:
    assert slot(a_wish(), before) == expected


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param("2026-03-03T20:59", "2026-03-03T20:59", id="in the last minute"),
        pytest.param("2026-03-03T21:00", "2026-03-04T09:00", id="the night begins"),
        pytest.param("2026-03-04T08:59", "2026-03-04T09:00", id="the night ends"),
        pytest.param("2026-02-17T10:00", "2026-02-24T09:00", id="Spring Festival is left alone"),
    ],
)
def test_quiet_hours_and_holidays_are_the_customers(at: str, expected: str) -> None:
    wish = a_wish(datetime.fromisoformat(at).replace(tzinfo=SHANGHAI))
    found = slot(wish).at
    assert found is not None
    assert found.astimezone(SHANGHAI).isoformat()[:16] == expected


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param("2026-02-16T10:00", "2026-02-16T10:00", id="the eve of Spring Festival"),
        pytest.param("2026-02-16T21:00", "2026-02-17T09:00", id="the night is left alone"),
    ],
)
def test_what_is_said_for_a_holiday_goes_out_on_it(at: str, expected: str) -> None:
    wish = a_wish(datetime.fromisoformat(at).replace(tzinfo=SHANGHAI), on_holidays=True)
    assert slot(wish) == Slot(
        datetime.fromisoformat(expected).replace(tzinfo=SHANGHAI),
        "" if at == expected else "quiet_hours",
    )


@pytest.mark.parametrize(
    ("purpose", "consents", "allowed"),
    [
        pytest.param("care", [], True, id="care: until they object"),
        pytest.param("marketing", [], False, id="marketing: only who has agreed"),
        pytest.param("marketing", [a_consent(2, granted=True)], True, id="agreed"),
        pytest.param(
            "marketing",
            [a_consent(2, granted=True), a_consent(1, granted=False)],
            False,
            id="agreed, then objected: the latest word counts",
        ),
        pytest.param(
            "care", [a_consent(1, granted=False, channel="phone")], True, id="another channel"
        ),
        pytest.param("care", [a_consent(1, granted=False, channel="sms")], False, id="this one"),
        pytest.param("service", [a_consent(1, granted=False)], False, id="a no is a no"),
    ],
)
def test_by_whose_leave(purpose: str, consents: list[Consent], allowed: bool) -> None:
    found = slot(a_wish(purpose=purpose), consents=consents)
    assert found == (Slot(NOON) if allowed else Slot(None, "no_consent"))


def test_what_is_owed_waits_for_nothing_and_uses_up_nothing() -> None:
    night = datetime(2026, 3, 3, 3, tzinfo=SHANGHAI)
    assert slot(a_wish(night, purpose="service"), spent(0.3, 0.4)) == Slot(night)


def test_who_objects_while_an_outreach_waits_is_left_alone_at_once() -> None:
    night = datetime(2026, 3, 2, 23, tzinfo=SHANGHAI)
    objection = a_consent(0.4, granted=False)
    found = fate(a_wish(night), timedelta(days=1), [], [objection], SHANGHAI, a_budget())
    assert (found.at, found.is_sent, found.slot.reason) == (objection.at, False, "no_consent")
    assert found.first.reason == "quiet_hours"


def test_whose_slot_is_taken_is_refused_when_the_next_is_too_late() -> None:
    night = datetime(2026, 3, 2, 23, tzinfo=SHANGHAI)
    call = a_contact(datetime(2026, 3, 3, 8, tzinfo=SHANGHAI))
    found = fate(a_wish(night), timedelta(hours=12), [call], [], SHANGHAI, a_budget())
    assert (found.at, found.is_sent) == (call.at, False)
    # the call keeps its day, and the night after it
    assert found.slot == Slot(datetime(2026, 3, 4, 9, tzinfo=SHANGHAI), "cap_1_in_1_days")


def test_the_reason_is_what_outlasts_the_patience() -> None:
    """A night, the holidays, and the night before the first day at work stand in the way."""
    eve = datetime(2026, 2, 15, 22, tzinfo=SHANGHAI)
    found = fate(a_wish(eve), timedelta(hours=23), [], [], SHANGHAI, a_budget())
    assert found.slot == Slot(datetime(2026, 2, 24, 9, tzinfo=SHANGHAI), "holiday")
    assert found.first.reason == "quiet_hours"


instants = st.integers(0, 24 * 60).map(lambda hours: NOON + timedelta(hours=hours))


def over_cap(spent: Iterable[Spent], cap: Cap) -> bool:
    """Whether some stretch of the cap's length holds more contacts than it allows."""
    ats = sorted(c.at for c in spent if cap.channel in (None, c.channel))
    return any(
        later - earlier < cap.span for earlier, later in zip(ats, ats[cap.most :], strict=False)
    )


@given(st.lists(instants, max_size=40), st.sampled_from([0, 12, 72, 24 * 30]))
def test_no_stretch_of_time_is_ever_over_its_cap(wishes: list[datetime], hours: int) -> None:
    policy = a_budget((1, 1), (2, 7), (4, 30))
    granted: list[Spent] = []
    waiting = sorted(wishes)
    while waiting:
        found = earliest(a_wish(waiting[0]), granted, [], SHANGHAI, policy)
        wish = waiting.pop(0)
        if found.at == wish:
            granted.append(a_contact(wish))
        elif found.at is not None and found.at <= wish + timedelta(hours=hours):
            waiting = sorted([*waiting, found.at])
    assert not any(over_cap(granted, cap) for cap in policy.caps)


@given(st.lists(instants, max_size=10), instants)
@settings(max_examples=50)
def test_there_is_no_room_before_the_earliest(before: list[datetime], since: datetime) -> None:
    policy, used = a_budget((1, 1), (2, 7)), [a_contact(at) for at in sorted(before)]
    found = earliest(a_wish(since), used, [], SHANGHAI, policy)
    assert found.at is not None
    half_hours = int((found.at - since) / timedelta(minutes=30))
    for n in range(min(half_hours, 200)):
        at = since + n * timedelta(minutes=30)
        assert earliest(a_wish(at), used, [], SHANGHAI, policy).at != at or at == found.at


def a_book_with(most: int) -> Book:
    """Two playbooks that write to who places an order: one more urgent than the other."""
    playbook = {
        "version": 1,
        "purpose": "care",
        "enter": [{"trigger": "order.placed"}],
        "again": {"after_days": 0, "keyed_by": "order"},
        "window_days": 3,
        "goal": {"by": ["survey.answered"], "status": "reached"},
        "otherwise": "ended",
        "steps": [
            {
                "step": "write",
                "do": "outreach",
                "script": "thanks",
                "channel": "app",
                "within_hours": 24,
                "patience_hours": 12,
            }
        ],
    }
    policy = EngagementPolicy.model_validate(
        {
            "version": "test",
            "budget": a_budget((most, 2)).model_dump(),
            "playbooks": [
                {"playbook": "urgent", "priority": 9, **playbook},
                {"playbook": "usual", "priority": 1, **playbook},
            ],
            "topics_apart_days": 14,
            "cadence": {"tiers": {}, "counts": ["call.completed"]},
            "moments_at": "10:00",
            "contract_notice_days": 30,
            "dates": {},
            "scripts": {"thanks": {"zh": {"body": "谢谢"}, "en": {"body": "Thanks"}}},
        }
    )
    return Book([Edition(ALWAYS, policy, "test-1")])


@given(st.permutations(range(50)))
@settings(max_examples=5)
def test_of_a_hundred_at_one_instant_exactly_as_many_as_fit_and_always_the_same(
    order: list[int],
) -> None:
    at = after(0)
    entries = [
        Entry("A", playbook, f"{n:02}", at, "order.placed", f"order-{n}", 0, (), f"e{n}")
        for n in order
        for playbook in ("usual", "urgent")
    ]
    rulings = {"A": [Ruling(1, ALWAYS, "tier", "core")]}
    family = Family(frozenset("A"), {}, entries=entries, rulings=rulings)
    progress = advance(family, until=at, book=a_book_with(3))
    kinds = [news.move.kind for news in progress.news]
    assert (kinds.count("sent"), kinds.count("suppressed")) == (3, 97)
    winners = [contact.case for contact in progress.family.contacts]
    assert winners == ["A-urgent-00", "A-urgent-01", "A-urgent-02"]
    loser = next(news.move for news in progress.news if news.move.kind == "suppressed")
    assert loser.detail == "cap_3_in_2_days"
    assert loser.until is not None and loser.until >= after(48)


def test_caps_hold_when_valkey_is_lost_for_nothing_here_ever_asks_it() -> None:
    script = (
        "import sys, careline_engagement.app, careline_runtime.service;"
        "print([name for name in sys.modules if name in ('redis', 'valkey')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert done.stdout == "[]\n"


@pytest.mark.stack
async def test_a_hundred_that_four_instances_hear_at_once_are_as_many_contacts_as_fit(
    admin_url: str,
) -> None:
    waited = [await winners_of_a_race(admin_url, seed=seed, ticks_meanwhile=0) for seed in (1, 2)]
    assert waited[0] == waited[1], "whoever was first at the database"
    assert len(waited[0]) == 3
    raced = await winners_of_a_race(admin_url, seed=3, ticks_meanwhile=25)
    assert len(raced) == 3, "nor more when some are decided while others are heard"


async def winners_of_a_race(admin_url: str, *, seed: int, ticks_meanwhile: int) -> list[str]:
    """The cases of one customer that were sent, of a hundred orders spread over four instances.

    There is one PostgreSQL and nothing else: no Valkey, and so none to lose.
    """
    loaded = replace(shipped_policy(), policy=a_book_with(3).at(after(0)).policy)
    async with fresh_database(admin_url, "engagement") as engine, AsyncExitStack() as stack:
        url = engine.url.render_as_string(hide_password=False)
        instances = []
        for _ in range(4):
            own = create_engine(url, service="engagement")
            stack.push_async_callback(own.dispose)
            instances.append(Engagement(own, loaded))
        orders = [
            instances[0].touchpoint("A", 0, "order.placed", order=f"order-{n}") for n in range(100)
        ]
        Random(seed).shuffle(orders)

        async def hears(n: int) -> None:
            mine = [replace(r, partition=n, offset=i) for i, r in enumerate(orders[n::4])]
            for place in range(0, len(mine), 5):
                await instances[n].hear(mine[place : place + 5])
                if place < ticks_meanwhile:
                    await instances[n].tick(after(0))

        await asyncio.gather(*map(hears, range(4)))
        await asyncio.gather(*(instance.tick(after(0)) for instance in instances))
        async with engine.connect() as connection:
            sent = text("SELECT case_id FROM contacts WHERE verdict = 'sent' ORDER BY case_id")
            return list((await connection.execute(sent)).scalars())
