"""Who hears of alarms, and when: the traps of other desks, which send 500 mails at midnight."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careline_contracts.events.ticketing import TicketBreached, TicketDigestRaised
from careline_contracts.topics import TICKET_DIGESTS
from careline_ticketing import handlers
from careline_ticketing.rules.digests import digest_at, hours_of
from careline_ticketing.testing import (
    POLICY,
    Stage,
    assignment,
    at,
    complaint,
    fault,
    resolution,
)

WORKING = POLICY.timetable(POLICY.digests.hours)


@given(st.integers(0, 60 * 24 * 60))
def test_trap_no_reminder_at_midnight(minutes: int) -> None:
    happened = at(minutes=minutes)

    told = digest_at(happened, POLICY, "working")

    assert WORKING.is_open(told)
    assert WORKING.working_time(happened, told) <= POLICY.digests.every


def test_an_alarm_of_the_evening_is_told_in_the_morning() -> None:
    assert digest_at(at(hours=9), POLICY, "working") == at(hours=23)


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
    assert digest_at(happened, POLICY, "working") == told


async def digests(stage: Stage) -> list[TicketDigestRaised]:
    said = [s for s in await stage.said() if s.topic == TICKET_DIGESTS.name]
    return [TicketDigestRaised.parse(s.value) for s in said]


@pytest.mark.stack
async def test_a_day_on_which_everything_breaks_makes_no_message_too_large(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "MOST_ENTRIES", 4)
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
