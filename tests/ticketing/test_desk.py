"""What is said depends on the events alone: not on batches, timers, ticks, order or duplicates."""

import random
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from careline_contracts.events.ticketing import (
    TicketBreached,
    TicketChange,
    TicketCorrected,
    TicketEscalated,
    TicketOpened,
    TicketWarned,
)
from careline_ticketing.rules.changes import breached
from tests.ticketing.by_hand import (
    DeskInMemory,
    Event,
    answer,
    at,
    complaint,
    enquiry,
    fault,
    merge,
    played,
    reopening,
    resolution,
)

FAR_AWAY = at(days=400)
CUSTOMERS = ("C1", "C2", "C3")
laws = settings(max_examples=100)


@st.composite
def stories(draw: st.DrawFn) -> list[Event]:
    """Reports and follow-ups of up to three customers who may turn out to be one or two.

    In order of their recording; some are recorded hours after they happened.
    """
    merges = draw(st.sampled_from(MERGES))
    survivors = {number: "C1" for _, absorbed in merges for number in absorbed}
    count = draw(st.integers(1, 14))
    times = draw(st.lists(st.integers(0, 12 * 1440), min_size=count, max_size=count, unique=True))
    events = []
    for minute in times:
        occurred_at = at(minutes=minute)
        delay = timedelta(minutes=draw(st.sampled_from([0, 0, 0, 7, 90, 3000])))
        customer = draw(st.sampled_from(CUSTOMERS))
        more: dict[str, Any] = {"customer": customer, "recorded_at": occurred_at + delay}
        if customer in survivors and draw(st.booleans()):
            # profile already knows who it is: the survivor is named, the identity is the same
            more.update(customer=survivors[customer], identity=f"phone:of-{customer}")
        reference = draw(st.sampled_from(["r1", "r2", "r3"]))
        maybe = {"reference": reference} if draw(st.booleans()) else {}
        if draw(st.booleans()):
            maybe["product"] = draw(st.sampled_from(["router", "phone"]))
        build = draw(st.integers(0, 7))
        if build == 0:
            events.append(complaint(occurred_at, **maybe, **more))
        elif build == 1:
            events.append(enquiry(occurred_at, **maybe, **more))
        elif build <= 3:
            impact = draw(st.sampled_from(["system_down", "function_broken", "question"]))
            events.append(fault(occurred_at, impact, **maybe, **more))
        else:
            follow_up = [answer, answer, resolution, reopening][build - 4]
            events.append(follow_up(occurred_at, reference, **more))
    for survivor, absorbed in merges:
        found_at = at(minutes=draw(st.integers(0, 12 * 1440)))
        events.append(merge(survivor, *absorbed, at=found_at))
    return sorted(events, key=lambda e: (e.envelope.recorded_at, e.envelope.id))


MERGES: list[list[tuple[str, tuple[str, ...]]]] = [
    [],
    [("C1", ("C2",))],
    [("C1", ("C2", "C3"))],
    [("C2", ("C3",)), ("C1", ("C2",))],
]


@laws
@given(events=stories(), seed=st.integers(0, 2**32))
def test_the_same_events_twice_and_shuffled_make_the_same_tickets(
    events: list[Event], seed: int
) -> None:
    shuffled = [*events, *events]
    random.Random(seed).shuffle(shuffled)

    ordered, disordered = played(events), played(shuffled, batch=3)
    ordered.tick(FAR_AWAY)
    disordered.tick(FAR_AWAY)

    assert ordered.tickets == disordered.tickets
    for id in ordered.tickets:
        assert ordered.states[id].clocks == disordered.states[id].clocks
        assert ordered.states[id].status == disordered.states[id].status
        assert ordered.states[id].customer == disordered.states[id].customer


@laws
@given(events=stories(), batch=st.integers(1, 5))
def test_batch_boundaries_do_not_show_in_what_is_said(events: list[Event], batch: int) -> None:
    assert played(events, batch=batch).decisions == played(events).decisions


@laws
@given(events=stories(), ticks=st.sets(st.integers(0, 16 * 1440), max_size=30))
def test_it_does_not_matter_whether_a_timer_or_the_next_event_comes_first(
    events: list[Event], ticks: set[int]
) -> None:
    silent, ticking = played(events), DeskInMemory()
    for event in events:
        for minute in sorted(ticks):
            # the clock has not passed the instant at which the next event is recorded
            if at(minutes=minute) < event.envelope.recorded_at:
                ticking.tick(at(minutes=minute))
        ticking.hear([event])
    silent.tick(FAR_AWAY)
    ticking.tick(FAR_AWAY)

    def per_ticket(desk: DeskInMemory) -> dict[str, list[TicketChange]]:
        said: dict[str, list[TicketChange]] = {}
        for change in desk.changes:
            said.setdefault(change.ticket, []).append(change)
        return said

    assert per_ticket(silent) == per_ticket(ticking)
    assert silent.states == ticking.states


@laws
@given(events=stories())
def test_versions_count_from_one_without_gaps(events: list[Event]) -> None:
    desk = played(events)
    desk.tick(FAR_AWAY)

    versions: dict[str, list[int]] = {}
    for change in desk.changes:
        versions.setdefault(change.ticket, []).append(change.version)
    for id, said in versions.items():
        assert said == list(range(1, len(said) + 1))
        assert desk.states[id].version == said[-1]


@laws
@given(events=stories(), seed=st.integers(0, 2**32))
def test_what_was_said_adds_up_to_the_verdicts(events: list[Event], seed: int) -> None:
    random.Random(seed).shuffle(events)
    desk = played(events)
    desk.tick(FAR_AWAY)

    for id, ticket in desk.tickets.items():
        late = sorted(target for target, _ in breached(ticket, FAR_AWAY))
        assert sorted(c.target for c in desk.states[id].clocks if c.breached_at) == late
        assert sorted(breaches_that_stand(desk, id)) == late


def breaches_that_stand(desk: DeskInMemory, ticket: str) -> list[str]:
    """What a reader of the changes alone believes; a ticket that is opened again begins anew."""
    standing: list[str] = []
    for change in desk.changes:
        if change.ticket != ticket:
            continue
        if isinstance(change, TicketOpened):
            standing = []
        elif isinstance(change, TicketBreached):
            standing.append(change.target)
        elif isinstance(change, TicketCorrected):
            for target in change.withdrawn:
                standing.remove(target)
    return standing


@laws
@given(events=stories())
def test_timers_are_exact(events: list[Event]) -> None:
    desk = DeskInMemory()
    for event in events:
        before = len(desk.decisions)
        desk.tick(event.envelope.recorded_at)
        for decision in desk.decisions[before:]:
            assert decision.by_time
            assert decision.recorded_at == decision.as_of
            for change in decision.changes:
                assert change.event in (TicketWarned, TicketBreached, TicketEscalated)
                if change.event is TicketBreached:
                    assert decision.as_of == change.fields["due_at"]
        desk.hear([event])
