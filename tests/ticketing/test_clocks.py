"""Any promise's deadline, verdict and lines are what somebody with a stopwatch would have noted.

The reference looks at the world once a minute: is the desk open, is somebody waited for, who holds
the ticket? It knows nothing of intervals.
"""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import NamedTuple, get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from careline_calendar.definition import WEEKDAYS, Calendar
from careline_calendar.working import AROUND_THE_CLOCK, MOMENT, Timetable, WorkingCalendar
from careline_contracts.events.ticketing import Level, Party
from careline_ticketing import clocks
from careline_ticketing.lines import counted, lines, shares
from careline_ticketing.model import Clock, Step, Ticket, Wait
from careline_ticketing.policy import InForce
from careline_ticketing.rules.reading import Reading
from tests.ticketing.by_hand import (
    POLICY,
    Event,
    answer,
    assignment,
    at,
    fault,
    pause,
    priority,
    reopening,
    reply,
    resolution,
    resumption,
    the_clock,
    the_ticket,
)

MINUTE = timedelta(minutes=1)
HORIZON_MINUTES = 4 * 1440
laws = settings(max_examples=200)


class World(NamedTuple):
    """A promise, what happened while it ran, and the calendar that it ran on."""

    clock: Clock
    ticket: Ticket
    timetable: Timetable

    def waits_for(self, minute: datetime) -> Party | None:
        """The party that somebody who looks at this minute sees waited for."""
        for wait in self.ticket.waits:
            if wait.since <= minute and (wait.until is None or minute < wait.until):
                return wait.party
        return None

    def is_open(self, minute: datetime) -> bool:
        if not isinstance(self.timetable, WorkingCalendar):
            return True
        wall = minute.astimezone(self.timetable.zone)
        reads = wall.hour * 60 + wall.minute
        hours = self.timetable.hours_on(wall.date())
        return any(opens <= reads < closes for opens, closes in hours)

    def counts(self, minute: datetime) -> bool:
        return self.is_open(minute) and self.waits_for(minute) not in self.clock.pauses_for


@st.composite
def timetables(draw: st.DrawFn) -> Timetable:
    """Around the clock, or a desk in a zone with holidays, make-up days and split shifts."""
    if draw(st.booleans()):
        return AROUND_THE_CLOCK
    ranges = draw(
        st.sampled_from([["09:00-18:00"], ["00:00-24:00"], ["08:00-12:00", "13:00-22:30"]])
    )
    day = date(2026, 3, 2)
    days = [day + timedelta(days=draw(st.integers(0, 12))) for _ in range(4)]
    week = {name: ranges if n < 5 else [] for n, name in enumerate(WEEKDAYS)}
    return Calendar.model_validate(
        {
            "time_zone": draw(st.sampled_from(["Asia/Shanghai", "America/New_York"])),
            "years": {2026: {"closed": {*days[:2]} - {*days[2:]}, "make_up": {*days[2:]}}},
            "weeks": [{"from": "2000-01-01", "make_up": ["10:00-16:00"], **week}],
        }
    ).working


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A promise of some minutes, among waits and hand-overs, stopped or not.

    It begins in March 2026, when New York moves its clocks.
    """
    start = at(minutes=draw(st.integers(0, 8 * 1440)))
    edges = sorted(draw(st.sets(st.integers(-500, HORIZON_MINUTES), max_size=6)))
    parties: st.SearchStrategy[Party] = st.sampled_from(get_args(Party))
    waits = [
        Wait(draw(parties), start + a * MINUTE, start + b * MINUTE)
        for a, b in zip(edges[::2], edges[1::2], strict=False)
    ]
    if len(edges) % 2:
        waits.append(Wait(draw(parties), start + edges[-1] * MINUTE))
    timetable = draw(timetables())
    clock = Clock(
        "resolution",
        0,
        start,
        start,
        "resolution",
        within=draw(st.integers(1, 2000)) * MINUTE,
        pauses_for=draw(st.sampled_from([(), ("customer",), ("customer", "third_party")])),
    )
    holders = (
        Step("assigned", start + draw(st.integers(-9, 3000)) * MINUTE, str(n), None, team)
        for n, team in enumerate(draw(st.lists(st.sampled_from(["a", "b"]), max_size=3)))
    )
    ticket = Ticket("T", "fault", "L2", start, None, tuple(sorted(holders, key=lambda s: s.at)), ())
    ticket = replace(ticket, waits=tuple(waits))
    return World(clocks.set_due(clock, timetable, waits), ticket, timetable)


@laws
@given(world=worlds())
def test_a_deadline_is_when_the_stopwatch_shows_what_was_promised(world: World) -> None:
    shown, minute = timedelta(), world.clock.started_at
    for _ in range(HORIZON_MINUTES):
        if shown == world.clock.within:
            break
        shown += MINUTE * world.counts(minute)
        minute += MINUTE

    if shown == world.clock.within:
        assert (world.clock.due_at, world.clock.paused_since) == (minute, None)
    elif world.clock.paused_since is not None:
        paused = world.waits_for(minute)
        assert paused in world.clock.pauses_for, "the pause goes on"


@laws
@given(world=worlds(), minutes=st.integers(0, HORIZON_MINUTES))
def test_lines_add_up_to_the_wall_clock_and_say_whose_each_minute_was(
    world: World, minutes: int
) -> None:
    clock, start = world.clock, world.clock.started_at
    end = start + minutes * MINUTE

    found = lines(clock, world.ticket, world.timetable, end)

    assert sum(shares(found).values(), timedelta()) == end - start
    assert counted(found) == clocks.used(clock, world.ticket.waits, world.timetable, end)
    seen = [
        (world.is_open(start + n * MINUTE), world.waits_for(start + n * MINUTE))
        for n in range(minutes)
    ]
    parts = shares(found)
    assert parts.get("nobody", timedelta()) == MINUTE * sum(not opened for opened, _ in seen)
    for party in ("customer", "third_party"):
        waited = sum(opened and who == party for opened, who in seen)
        assert parts.get(party, timedelta()) == MINUTE * waited


@laws
@given(world=worlds(), minutes=st.integers(0, HORIZON_MINUTES))
def test_a_verdict_at_any_instant_is_what_the_stopwatch_says(world: World, minutes: int) -> None:
    """A stopped clock is met if no more than was promised had been used up."""
    end = world.clock.started_at + minutes * MINUTE
    waits = [
        wait._replace(until=wait.until if wait.until and wait.until <= end else None)
        for wait in world.ticket.waits
        if wait.since < end
    ]
    running = clocks.set_due(world.clock, world.timetable, waits)
    stopped = clocks.stop(running, end, world.timetable, waits)

    used = MINUTE * sum(world.counts(world.clock.started_at + n * MINUTE) for n in range(minutes))
    assert clocks.used(stopped, waits, world.timetable, end) == used
    if used > world.clock.within:
        assert clocks.verdict(stopped, end) == "missed"
    elif used < world.clock.within:
        assert clocks.verdict(stopped, end) == "met"


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """A fault and what became of it: pauses, answers, priorities, re-openings, hand-overs."""
    count = draw(st.integers(1, 10))
    times = sorted(draw(st.sets(st.integers(1, 6000), min_size=count, max_size=count)))
    events = [fault(at(), reference="r")]
    for minute in times:
        when = at(minutes=minute)
        levels: tuple[Level, ...] = ("L1", "L2", "L3")
        possible = [
            pause(when, "r"),
            pause(when, "r", "third_party"),
            resumption(when, "r"),
            reply(when, "r"),
            answer(when, "r"),
            resolution(when, "r"),
            reopening(when, "r"),
            priority(when, "r", levels[minute % 3]),
            assignment(when, "r", team="ab"[minute % 2]),
        ]
        events.append(draw(st.sampled_from(possible)))
    return events


GENEROUS = POLICY.model_copy(
    update={
        "promises": {
            name: tuple(
                promise.model_copy(
                    update={
                        "within_minutes": 2 * promise.within_minutes,
                        "pauses_for": ("customer", "third_party"),
                    }
                )
                for promise in promises
            )
            for name, promises in POLICY.promises.items()
        }
    }
)


@laws
@given(history=histories(), changes_at=st.integers(0, 6000))
def test_whatever_happens_no_pause_is_lost_or_counted_twice(
    history: list[Event], changes_at: int
) -> None:
    def in_force_at(instant: datetime) -> InForce:
        return InForce(POLICY if instant < at(minutes=changes_at) else GENEROUS, "test")

    [ticket] = Reading([event.fact for event in history], in_force_at).tickets
    now = at(days=30)

    for clock in ticket.clocks:
        policy = in_force_at(clock.given_at or clock.started_at).policy
        timetable = policy.timetable(clock.hours)
        again = clocks.set_due(replace(clock, stopped_at=None), timetable, before(ticket, clock))
        assert clock.due_at == again.due_at, "the deadline follows from the ticket's own history"
        found = lines(clock, ticket, timetable, now)
        assert sum(shares(found).values(), timedelta()) == (clock.stopped_at or now) - (
            clock.started_at
        )


def before(ticket: Ticket, clock: Clock) -> list[Wait]:
    """The waits that a clock has seen: those until it was stopped."""
    if clock.stopped_at is None:
        return list(ticket.waits)
    seen = [wait for wait in ticket.waits if wait.since < clock.stopped_at]
    stopped = clock.stopped_at
    return [w._replace(until=min(w.until or stopped, stopped)) for w in seen]


# the traps of other desks


def test_trap_a_held_ticket_past_its_old_deadline_is_not_failed() -> None:
    ticket = the_ticket(fault(at(), reference="r"), pause(at(hours=40), "r"))
    solution = the_clock(ticket, "resolution")

    assert clocks.verdict(solution, at(days=60)) == "paused"
    assert clocks.late_at(solution) is None
    timetable = POLICY.timetable(solution.hours)
    assert clocks.due_as_of(solution, ticket.waits, timetable, at(hours=50)) == at(hours=58)


def test_trap_a_promise_that_is_kept_while_it_is_paused_is_kept() -> None:
    def generous(_: datetime) -> InForce:
        return InForce(GENEROUS, "test")

    events = [fault(at(), reference="r"), pause(at(hours=1), "r"), answer(at(hours=3), "r")]
    [ticket] = Reading([event.fact for event in events], generous).tickets
    first = the_clock(ticket, "first_response")

    assert (first.within, first.due_at) == (timedelta(hours=2), at(hours=4))
    assert clocks.verdict(first, at(days=1)) == "met"


def test_trap_a_priority_that_is_raised_in_a_pause_counts_what_was_left() -> None:
    events = [fault(at(), reference="r"), pause(at(hours=1), "r")]
    raised = the_ticket(*events, priority(at(days=9), "r", "L1"))

    # 47 of 48 hours were left, a system that is down gets 24
    assert the_clock(raised, "resolution").due_at == at(days=10)


def test_trap_a_pause_past_the_old_deadline_is_no_breach_that_a_milder_level_keeps() -> None:
    events = [fault(at(), reference="r"), pause(at(hours=1), "r")]
    milder = the_ticket(*events, priority(at(days=9), "r", "L3"))

    assert the_clock(milder, "resolution").given_at == at(days=9)


def test_trap_a_pause_after_the_breach_does_not_undo_it() -> None:
    ticket = the_ticket(fault(at(), reference="r"), pause(at(hours=49), "r"))

    assert clocks.verdict(the_clock(ticket, "resolution"), at(hours=50)) == "missed"


def test_trap_waiting_does_not_stop_what_was_promised_for_all_the_same() -> None:
    ticket = the_ticket(fault(at(), "system_down", reference="r"), pause(at(hours=1), "r"))

    assert clocks.verdict(the_clock(ticket, "resolution"), at(hours=25)) == "missed"


def test_trap_reopened_from_a_pause_what_was_left_is_left() -> None:
    ticket = the_ticket(
        fault(at(), reference="r"), pause(at(hours=47), "r"), reply(at(days=20), "r")
    )

    assert the_clock(ticket, "resolution").due_at == at(days=20, hours=1)
    assert clocks.verdict(the_clock(ticket, "resolution"), at(days=20) + MOMENT) == "running"
