"""Who hears of alarms, and when: the traps of other desks, which send 500 mails at midnight."""

from collections.abc import Sequence
from datetime import datetime
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careline_contracts.events.ticketing import DigestEntry, TicketBreached, TicketDigestRaised
from careline_contracts.topics import TICKET_DIGESTS
from careline_ticketing import digests as telling
from careline_ticketing.rules.digests import Notice, addressed, end_of_half_hour, hours_of
from tests.ticketing.by_hand import (
    POLICY,
    Stage,
    assignment,
    at,
    complaint,
    fault,
    fresh_stage,
    record,
    resolution,
    shift,
)

WORKING = POLICY.timetable(POLICY.digests.hours)


def told_at(happened: datetime) -> datetime:
    """When a team lead hears of an alarm of that instant."""
    entry = DigestEntry(
        what="warned",
        ticket="T1",
        customer="C1",
        level="L3",
        target="resolution",
        due_at=happened,
    )
    notice = Notice("T1-2", end_of_half_hour(happened, POLICY), entry, hearers=("team_lead",))
    [told] = addressed(notice, None, POLICY, {})
    return told.due_at


@given(st.integers(0, 60 * 24 * 60))
def test_trap_no_reminder_at_midnight(minutes: int) -> None:
    happened = at(minutes=minutes)

    told = told_at(happened)

    assert WORKING.is_open(told)
    assert WORKING.working_time(happened, told) <= POLICY.digests.every


def test_an_alarm_of_the_evening_is_told_in_the_morning() -> None:
    assert told_at(at(hours=9)) == at(hours=23)


@pytest.mark.parametrize(
    ("shifts", "hours"),
    [
        pytest.param({}, "working", id="a role has the desk's hours"),
        pytest.param({"li": "around_the_clock"}, "around_the_clock", id="an agent their own"),
        pytest.param({"li": "abolished"}, "working", id="unless nobody knows them any more"),
    ],
)
def test_whoever_hears_of_it_hears_in_their_own_shift(shifts: dict[str, str], hours: str) -> None:
    assert hours_of("li", POLICY, shifts) == hours


@pytest.mark.parametrize(
    ("happened", "told"),
    [
        pytest.param(at(minutes=1), at(minutes=30), id="with the next half hour"),
        pytest.param(at(minutes=30), at(minutes=60), id="what is told the moment after waits"),
    ],
)
def test_alarms_of_half_an_hour_are_told_together(happened: datetime, told: datetime) -> None:
    assert told_at(happened) == told


async def digests(stage: Stage) -> list[TicketDigestRaised]:
    said = [s for s in await stage.said() if s.topic == TICKET_DIGESTS.name]
    return [TicketDigestRaised.parse(s.value) for s in said]


@pytest.mark.stack
async def test_a_day_on_which_everything_breaks_makes_no_message_too_large(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "MOST_ENTRIES", 4)
    await stage.play([complaint(at(minutes=n), customer=f"C{n}") for n in range(10)])
    await stage.tick(at(hours=1))

    told = [len(digest.entries) for digest in await digests(stage)]
    assert told == [4, 4, 2]
    ids = [s.envelope.id for s in await stage.said() if s.topic == TICKET_DIGESTS.name]
    assert len(set(ids)) == 3


@pytest.mark.stack
async def test_trap_five_hundred_tickets_are_not_five_hundred_mails(stage: Stage) -> None:
    await stage.play(
        [complaint(at(minutes=n / 100), customer=f"C{n}") for n in range(500)]
        + [assignment(at(minutes=6), "held", agent="li", customer="C-held")]
        + [complaint(at(), reference="held", customer="C-held")]
    )
    await stage.tick(at(hours=5))

    found = await digests(stage)
    assert {digest.person for digest in found} == {"dispatcher", "team_lead", "li"}
    assert len(found) < 20
    mine = [entry for digest in found if digest.person == "li" for entry in digest.entries]
    assert [entry.what for entry in mine] == ["warned", "breached"]
    ids = [s.envelope.id for s in await stage.said() if s.topic == TICKET_DIGESTS.name]
    assert len(set(ids)) == len(ids)


@pytest.mark.stack
async def test_trap_what_came_due_while_the_service_stood_still_is_said_in_its_place(
    stage: Stage,
) -> None:
    """After six hours: each breach at its own instant, and no more digests than if it had run."""
    await stage.play([complaint(at(minutes=n), customer=f"C{n}") for n in range(50)])
    await stage.tick(at(hours=6))

    breaches = [c for c in await stage.changes() if isinstance(c, TicketBreached)]
    assert [b.as_of for b in breaches] == [at(minutes=60 + n) for n in range(50)]
    told = [digest for digest in await digests(stage) if digest.person == "dispatcher"]
    assert len({digest.due_at for digest in told}) == len(told) <= 4, "one each half hour"
    entries = [(entry.ticket, entry.what) for digest in told for entry in digest.entries]
    assert len(set(entries)) == len(entries) == 100, "a warning and a breach of each"


@pytest.mark.stack
async def test_an_emergency_is_told_at_once_by_night(stage: Stage) -> None:
    night = at(hours=16)
    await stage.play([fault(night, "system_down")])
    await stage.tick(at(hours=16, minutes=20))

    [digest] = await digests(stage)
    assert [(entry.what, entry.percent) for entry in digest.entries] == [("warned", 50)]
    assert WORKING.is_open(digest.due_at) is False


@pytest.mark.stack
async def test_each_alarm_is_told_once_whatever_the_ticks(stage: Stage) -> None:
    await stage.play([complaint(at(), reference="r1")])
    for minutes in range(0, 600, 20):
        await stage.tick(at(minutes=minutes))
    await stage.play([resolution(at(hours=11), "r1")])
    await stage.tick(at(days=9))

    told = [entry.what for digest in await digests(stage) for entry in digest.entries]
    assert told == ["warned", "breached", "escalated", "escalated"]
    assert await stage.rows("SELECT * FROM notices") == []


EVENING = at(hours=9)
HEARD = {
    "activities": [
        complaint(at(), reference="r1"),
        assignment(at(minutes=6), "r1", agent="li"),
        fault(EVENING, "system_down"),
        resolution(at(hours=10), "r1"),
    ],
    "customers": [record("C1", 1, account_manager="wang"), record("C1", 2, account_manager="mei")],
    "agents": [shift("li", 2, "around_the_clock")],
}


@pytest.mark.stack
async def test_which_topic_was_heard_first_does_not_show_in_who_is_told(admin_url: str) -> None:
    told = [await told_after(admin_url, order) for order in permutations(HEARD)]

    assert all(one == told[0] for one in told)
    assert ("mei", "opened") in {(one.person, e.what) for one in told[0] for e in one.entries}
    breached = [one for one in told[0] for e in one.entries if e.what == "breached"]
    assert "li" in {one.person for one in breached}


async def told_after(admin_url: str, order: Sequence[str]) -> list[TicketDigestRaised]:
    """What people are told of the evening when the topics are heard in this order."""
    async with fresh_stage(admin_url) as stage:
        await stage.play([shift("li", 1, "working")])
        for topic in order:
            await stage.play(HEARD[topic])
        await stage.tick(at(days=1))
        return await digests(stage)
