"""What is said depends on the events alone: not on batches, timers, ticks, order or duplicates."""

import random
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careline_calendar.working import MOMENT
from careline_contracts.events.ticketing import (
    TicketBreached,
    TicketChange,
    TicketCorrected,
    TicketEscalated,
    TicketMoved,
    TicketOpened,
    TicketResponded,
    TicketWarned,
)
from careline_ticketing.rules.changes import breached
from careline_ticketing.testing import (
    POLICY,
    DeskInMemory,
    Event,
    answer,
    at,
    complaint,
    enquiry,
    fault,
    merge,
    pause,
    reopening,
    reply,
    resolution,
)

FAR_AWAY = at(days=400)
CUSTOMERS = ("C1", "C2", "C3")
laws = settings(deadline=None, max_examples=100)


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


def played(events: list[Event], *, batch: int = 1_000) -> DeskInMemory:
    desk = DeskInMemory()
    for start in range(0, len(events), batch):
        desk.hear(events[start : start + batch])
    return desk


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


# stories


def said(desk: DeskInMemory) -> list[str]:
    """The changes by their names (opened, joined, …), without the alarms on the way."""
    names = (change.type.removeprefix("careline.ticket.") for change in desk.changes)
    found = [name.removesuffix(".v1") for name in names]
    return [name for name in found if name not in ("warned", "escalated")]


def test_the_life_of_a_ticket() -> None:
    desk = played(
        [
            complaint(at(), reference="r1"),
            complaint(at(minutes=20), channel="phone"),
            answer(at(minutes=50), "r1"),
            resolution(at(hours=50), "r1"),
            reopening(at(hours=60), "r1"),
        ]
    )

    assert said(desk) == [
        "opened",
        "joined",
        "responded",
        "breached",
        "resolved",
        "reopened",
    ]
    [state] = desk.states.values()
    assert (state.status, state.touchpoints) == ("open", 5)
    assert state.version == len(desk.changes)


def test_trap_a_verdict_waits_for_no_poll() -> None:
    """Resolved late, while nobody looked: the breach is said, at its instant, before the end."""
    desk = played([complaint(at(), reference="r1"), resolution(at(hours=49), "r1")])

    breaches = [change for change in desk.changes if isinstance(change, TicketBreached)]
    assert [(b.target, b.due_at) for b in breaches] == [
        ("first_response", at(hours=1)),
        ("resolution", at(hours=48)),
    ]
    assert said(desk)[-1] == "resolved"


@pytest.mark.parametrize(
    ("answered_at", "breached"),
    [
        pytest.param(at(hours=1), False, id="on the dot"),
        pytest.param(at(hours=1) + MOMENT, True, id="a moment late"),
    ],
)
def test_an_answer_at_the_due_instant_meets_no_breach(
    answered_at: datetime, breached: bool
) -> None:
    desk = played([complaint(at(), reference="r1")])
    desk.tick(at(hours=1))
    desk.hear([answer(answered_at, "r1")])

    assert ("breached" in said(desk)) is breached


def test_a_breach_is_said_once() -> None:
    desk = played([complaint(at())])
    for hour in range(72):
        desk.tick(at(hours=hour))

    assert said(desk) == ["opened", "breached", "breached"]


def test_an_answer_that_arrives_before_its_report_waits_for_it() -> None:
    desk = played([answer(at(minutes=30), "r1")])
    assert desk.changes == []

    desk.hear([complaint(at(), reference="r1", recorded_at=at(hours=3))])
    assert said(desk) == ["opened", "responded"]
    [state] = desk.states.values()
    assert [c.breached_at for c in state.clocks] == [None, None]


def test_a_report_that_arrives_after_its_due_instant_is_breached_at_once() -> None:
    desk = played([enquiry(at(hours=5)), complaint(at())])

    assert said(desk) == ["opened", "opened", "breached"]
    assert desk.changes[-1].as_of == at(hours=5)


def test_a_breach_is_taken_back_when_the_answer_was_only_late_to_arrive() -> None:
    desk = played([complaint(at(), reference="r1")])
    desk.tick(at(hours=2))
    desk.hear([answer(at(minutes=30), "r1", recorded_at=at(hours=3))])

    assert said(desk) == ["opened", "breached", "responded", "corrected"]
    correction = desk.changes[-1]
    assert isinstance(correction, TicketCorrected)
    assert correction.withdrawn == ("first_response",)
    [state] = desk.states.values()
    assert [c.breached_at for c in state.clocks] == [None, None]


def test_an_earlier_report_that_arrives_late_takes_the_ticket_over() -> None:
    second, first = complaint(at(hours=1)), complaint(at(), recorded_at=at(hours=2))
    desk = played([second, first])

    assert said(desk)[-1] == "merged"
    [live] = desk.tickets.values()
    assert live.opened_at == at()
    merged = next(s for s in desk.states.values() if s.status == "merged")
    assert merged.merged_into == live.id


def test_customers_found_to_be_one_bring_their_tickets_along() -> None:
    desk = played(
        [
            complaint(at(), customer="C1", category="billing", reference="r1"),
            complaint(at(minutes=10), customer="C2", category="delivery", reference="r2"),
            merge("C1", "C2", at=at(minutes=20)),
            answer(at(minutes=30), "r2", customer="C2"),
        ]
    )

    moved = [change for change in desk.changes if isinstance(change, TicketMoved)]
    assert [(m.customer, m.previous_customer) for m in moved] == [("C1", "C2")]
    assert {state.customer for state in desk.states.values()} == {"C1"}
    responded = desk.changes[-1]
    assert isinstance(responded, TicketResponded)
    assert responded.ticket == moved[0].ticket, "the number stays"


def test_one_problem_in_two_channels_of_one_person_becomes_one_ticket() -> None:
    desk = played(
        [
            complaint(at(), customer="C1", channel="chat", reference="chat-1"),
            complaint(at(minutes=10), customer="C2", channel="phone", reference="phone-1"),
            merge("C1", "C2", at=at(minutes=20)),
            resolution(at(minutes=30), "phone-1", customer="C1"),
        ]
    )

    [ticket] = desk.tickets.values()
    assert ticket.resolved_at == at(minutes=30)
    assert sorted(state.status for state in desk.states.values()) == ["merged", "resolved"]


def test_an_answer_of_another_customer_with_the_same_number_is_not_ours() -> None:
    desk = played(
        [
            complaint(at(), customer="C1", reference="17"),
            answer(at(minutes=5), "17", customer="C2"),
        ]
    )

    assert said(desk) == ["opened"]


def test_a_new_policy_moves_no_promise_that_was_given() -> None:
    """Closed tickets are not judged again, open ones keep their deadlines."""
    desk = played(
        [
            complaint(at(), category="billing", reference="r1"),
            resolution(at(minutes=50), "r1"),
            complaint(at(), category="delivery"),
        ]
    )
    hasty = tuple(p.model_copy(update={"within_minutes": 5}) for p in POLICY.promises["complaint"])
    desk.policy = POLICY.model_copy(update={"promises": {**POLICY.promises, "complaint": hasty}})
    desk.hear([complaint(at(minutes=57), category="price")])
    assert said(desk) == ["opened", "resolved", "opened", "opened"]
    desk.tick(at(hours=2))

    breaches = [change for change in desk.changes if isinstance(change, TicketBreached)]
    assert [b.due_at for b in breaches] == [at(hours=1), at(minutes=62), at(minutes=62)]


# alarms


def alarms(desk: DeskInMemory, target: str) -> list[tuple[str, int, datetime]]:
    """The warnings, breaches and escalations of a promise, with per cent or step and instant."""
    return [
        (type(c).__name__, getattr(c, "percent", getattr(c, "step", 0)), c.as_of)
        for c in desk.changes
        if getattr(c, "target", None) == target
    ]


def test_warnings_come_before_the_breach_and_the_chain_goes_up_after_it() -> None:
    desk = played([fault(at(), "system_down")])
    desk.tick(at(hours=12))

    assert alarms(desk, "first_response") == [
        ("TicketWarned", 50, at(minutes=15)),
        ("TicketWarned", 75, at(minutes=22.5)),
        ("TicketBreached", 0, at(minutes=30)),
        ("TicketEscalated", 1, at(minutes=30)),
        ("TicketEscalated", 2, at(minutes=45)),
        ("TicketEscalated", 3, at(minutes=75)),
    ]


def test_an_escalation_says_by_when_its_step_must_have_acted() -> None:
    desk = played([complaint(at(hours=5))])
    desk.tick(at(days=5))

    steps = [c for c in desk.changes if isinstance(c, TicketEscalated)]
    first, second = (c for c in steps if c.target == "first_response")
    assert (first.to, first.due_at) == ("team_lead", at(days=1, hours=1)), "four working hours"
    assert (second.to, second.as_of) == ("service_manager", first.due_at)


def test_trap_nothing_goes_up_once_the_promise_is_kept_after_all() -> None:
    desk = played([fault(at(), "system_down", reference="r1"), answer(at(minutes=40), "r1")])
    desk.tick(at(hours=12))

    assert [what for what, _, _ in alarms(desk, "first_response")][-1] == "TicketEscalated"
    assert [n for what, n, _ in alarms(desk, "first_response") if what == "TicketEscalated"] == [1]


def test_trap_a_pause_is_no_reason_to_warn_and_what_was_said_is_not_said_again() -> None:
    desk = played([complaint(at(), reference="r1"), answer(at(minutes=1), "r1")])
    desk.hear([pause(at(hours=37), "r1")])
    desk.tick(at(days=20))
    assert alarms(desk, "resolution") == [("TicketWarned", 75, at(hours=36))]

    desk.hear([reply(at(days=20), "r1")])
    desk.tick(at(days=20, hours=12))
    assert [what for what, _, _ in alarms(desk, "resolution")] == [
        "TicketWarned",
        "TicketBreached",
        "TicketEscalated",
    ]


def test_trap_what_is_long_over_when_we_hear_of_it_floods_nobody() -> None:
    """A log that comes a year late: the breaches are said, no warning and no escalation of then."""
    desk = played([complaint(at(), recorded_at=at(days=365))])

    assert {type(change).__name__ for change in desk.changes} == {"TicketOpened", "TicketBreached"}
