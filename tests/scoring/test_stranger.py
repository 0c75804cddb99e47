"""Who has docs/scoring.md, a policy file and the events gets the same points, tags and tiers.

Random events go through the service's reading of events and its rules on one side, and through
`stranger.py`, which was written from the page, on the other.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careline_contracts.envelope import Envelope
from careline_contracts.events.profile import Activity
from careline_contracts.events.ticketing import Clock, Rating, TicketState
from careline_contracts.events.touchpoints import OutreachAnswered
from careline_runtime.policy import Loaded, parse_policy, read_policy
from careline_scoring.facts import of_activity, of_answer, of_ticket
from careline_scoring.model import NEVER, Fact, History
from careline_scoring.policy import ScoringPolicy
from careline_scoring.rules import Rulebook
from careline_scoring.tags import all_of, of_record
from tests.scoring.stranger import Decision, Event, Stranger

TODAY = date(2024, 6, 1)
DEMO = Path(str(files("careline_cli"))) / "demo_data" / "policies" / "scoring.yaml"
NOW = datetime(2024, 6, 1, 15, 59, tzinfo=UTC)  # a minute before Shanghai's midnight

KINDS: st.SearchStrategy[tuple[str, dict[str, Any]]] = st.sampled_from(
    [
        *[("purchase.completed", {})] * 12,
        *[("order.placed", {})] * 3,
        *[("purchase.returned", {})] * 2,
        *[("payment.received", {"days_late": days}) for days in (0, 0, 0, 0, 3)],
        *[("referral.made", {"converted": converted}) for converted in (True, False)],
        *[("contract.changed", {"change": change}) for change in ("signed", "renewed")],
        ("contract.changed", {"change": "terminated"}),
        *[("call.missed", {"direction": direction}) for direction in ("inbound", "outbound")],
        *[("fault.reported", {"impact": impact}) for impact in ("question", "system_down")],
        *[("outreach.answered", {"result": result}) for result in ("delivered", "read", "replied")],
        *[("ticket.rated", {"score": score}) for score in (3, 8, 10)],
        ("ticket.breached", {"target": "resolution"}),
        ("survey.answered", {"survey": "nps", "score": 9}),
        *[
            (name, {})
            for name in (
                *("enquiry.made", "enquiry.made", "chat-session.closed", "feature.used"),
                *("complaint.raised", "sms.delivered", "sms.replied", "like.given"),
                *("answer.given", "answer.given", "post.published", "app-session.started"),
            )
        ],
    ]
)
AGO = st.one_of(
    st.sampled_from([0, 1, 2, 3, 29, 30, 89, 90, 179, 180, 209, 364, 365, 394, 729, 730, 1095]),
    st.integers(0, 180),
    st.integers(0, 1200),
)
MONEY = st.sampled_from([0, 10_000, 13_889, 50_000, 1_000_000, 2_500_000, 12_000_000])
CURRENCIES = st.sampled_from(["CNY"] * 5 + ["USD", "HKD", "XXX"])
CNY = {"currency": "CNY"}
WITH_MONEY = {"purchase.completed", "order.placed", "purchase.returned", "payment.received"}


def an_event(name: str, time: datetime, body: Mapping[str, Any], channel: str = "app") -> Event:
    """Outreach and tickets tell nothing of a channel."""
    from_channel = not name.startswith(("outreach.", "ticket."))
    return Event(f"careline.{name}.v1", time, body, channel if from_channel else "")


@st.composite
def a_habit(draw: st.DrawFn) -> list[Event]:
    """One thing that was done once or several times, at any minute of a day."""
    name, field = draw(KINDS)
    body: dict[str, Any] = dict(field)
    last = NOW - timedelta(days=draw(AGO), minutes=draw(st.integers(0, 24 * 60 - 1)))
    every = timedelta(days=draw(st.sampled_from([0, 1, 30, 60])))
    if name in WITH_MONEY:
        body |= {"amount_minor": draw(MONEY), "currency": draw(CURRENCIES)}
    if product := draw(st.sampled_from(["", "", "phone", "insurance"])):
        body["product"] = product
    channel = draw(st.sampled_from(["phone", "chat", "store"]))
    times = draw(st.sampled_from([1, 1, 1, 2, 6]))
    return [an_event(name, last - n * every, body, channel) for n in range(times)]


def of_a_loyal_customer() -> list[Event]:
    """Enough for almost all points: who has a part of it is near the lines of TAG-1."""
    paid = {"amount_minor": 1_200_000, **CNY}
    each_month: list[tuple[str, dict[str, Any]]] = [
        *[("purchase.completed", paid)] * 6,
        ("enquiry.made", {}),
        ("sms.delivered", {}),
        ("sms.replied", {}),
        ("like.given", {}),
        ("payment.received", paid),
        ("ticket.rated", {"score": 9}),
        ("referral.made", {"converted": True}),
        ("referral.made", {}),
        ("answer.given", {}),
        ("contract.changed", {"change": "renewed"}),
    ]
    done = [
        an_event(name, NOW - timedelta(days=28 * month), body)
        for month in range(3)
        for name, body in each_month
    ]
    return [an_event("app-session.started", NOW - timedelta(days=1090), {}), *done]


EVENTS = st.builds(
    lambda loyal, habits: of_a_loyal_customer()[:loyal] + [one for many in habits for one in many],
    st.one_of(st.just(0), st.integers(0, 49)),
    st.lists(a_habit(), min_size=1, max_size=15),
)
AHEAD = st.one_of(st.just(0), st.integers(0, 200))
RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "party": st.just(("company",)),
        "region": st.just(("east",)),
        "special_care": st.lists(
            st.sampled_from(["elderly", "sight", "vip", "guide_dog"]), min_size=1, unique=True
        ).map(tuple),
    },
)


def varied(shipped: Loaded[ScoringPolicy]) -> Loaded[ScoringPolicy]:
    """The shipped policy in another time zone, with verdicts that are held and money on a line."""
    text = shipped.text.replace("hold_days: 1 ", "hold_days: 9 ").replace(
        "hold_days: 1\n", "hold_days: 9\n"
    )
    text = text.replace("time_zone: Asia/Shanghai", "time_zone: America/New_York")
    begin = text.index("steps: # half of the high-value line")
    end = text.index("- measure: average_order_value")
    line = "line: [{ at: 0, points: 0 }, { at: 70_000, points: 3 }, { at: 2_000_000, points: 20 }]"
    return parse_policy(ScoringPolicy, f"{text[:begin]}{line}\n      {text[end:]}", path="varied")


@pytest.fixture(scope="module", params=["varied", "the demo's"])
def another(
    shipped: Loaded[ScoringPolicy], request: pytest.FixtureRequest
) -> Loaded[ScoringPolicy]:
    """Two policies that say much otherwise."""
    return varied(shipped) if request.param == "varied" else read_policy(ScoringPolicy, DEMO)


@given(events=EVENTS, record=RECORDS, ahead=AHEAD)
@settings(max_examples=200)
def test_a_stranger_decides_the_same(
    shipped: Loaded[ScoringPolicy],
    rulebook: Rulebook,
    events: list[Event],
    record: Mapping[str, Sequence[str]],
    ahead: int,
) -> None:
    day = TODAY + timedelta(days=ahead)
    stranger = Stranger(shipped.text, events, record)
    assert stranger.decide(day) == ours(rulebook, events, record, day)


def spent(before: int, now: int) -> list[Event]:
    """So many minor units in the last quarter but one, and in the last."""
    return [
        an_event("purchase.completed", NOW - timedelta(days=ago), {"amount_minor": minor, **CNY})
        for ago, minor in ((100, before), (10, now))
    ]


@pytest.mark.parametrize(
    ("events", "verdict"),
    [
        pytest.param(of_a_loyal_customer()[:12], ("value", "high"), id="80 points"),
        pytest.param(
            [
                *of_a_loyal_customer()[:3],
                an_event("payment.received", NOW, {}),
                *[an_event("enquiry.made", NOW, {})] * 2,
            ],
            ("value", "potential"),
            id="60 points",
        ),
        pytest.param(spent(10_000, 5_000), ("risk", "high"), id="fallen by half"),
        pytest.param(spent(10_000, 7_500), ("risk", "medium"), id="fallen by a quarter"),
        pytest.param(spent(9_999, 0), ("risk", "low"), id="too little before"),
    ],
)
def test_a_stranger_decides_the_same_on_a_line(
    shipped: Loaded[ScoringPolicy],
    rulebook: Rulebook,
    events: list[Event],
    verdict: tuple[str, str],
) -> None:
    """Where chance seldom leads."""
    decision = Stranger(shipped.text, events, {}).decide(TODAY)
    assert decision == ours(rulebook, events, {}, TODAY)
    assert getattr(decision, verdict[0]) == verdict[1]


@given(events=EVENTS, record=RECORDS, ahead=st.integers(-300, 30))
@settings(max_examples=50)
def test_a_stranger_decides_the_same_by_another_policy(
    another: Loaded[ScoringPolicy],
    events: list[Event],
    record: Mapping[str, Sequence[str]],
    ahead: int,
) -> None:
    """Also about a day of which later facts are known."""
    day = TODAY + timedelta(days=ahead)
    stranger = Stranger(another.text, events, record)
    rulebook = Rulebook(another.policy, version=another.version)
    assert stranger.decide(day) == ours(rulebook, events, record, day)


@given(events=EVENTS, ahead=AHEAD)
@settings(max_examples=30)
def test_a_stranger_finds_the_same_next_change(
    shipped: Loaded[ScoringPolicy], rulebook: Rulebook, events: list[Event], ahead: int
) -> None:
    day = TODAY + timedelta(days=ahead)
    stranger, history = Stranger(shipped.text, events, {}), history_of(rulebook, events)
    change_day = rulebook.decide(history, day.toordinal()).change_day
    expected = None if change_day == NEVER else date.fromordinal(change_day)
    # tenure moves last, on its 1095th day
    assert stranger.next_change(day, horizon=1100) == expected


@given(events=EVENTS)
@settings(max_examples=60)
def test_a_stranger_reads_the_same_values(
    shipped: Loaded[ScoringPolicy], rulebook: Rulebook, events: list[Event]
) -> None:
    """What is shown beside the points: rounded down to whole units."""
    stranger, history = Stranger(shipped.text, events, {}), history_of(rulebook, events)
    readings = rulebook.readings(history, TODAY.toordinal())
    for (dimension, asked), ours_of_it in zip(rulebook.measures, readings, strict=True):
        measures = stranger.policy["score"][dimension]["measures"]
        rule = next(rule for rule in measures if rule["measure"] == asked.measure)
        value = stranger.measured(rule, TODAY)
        assert ours_of_it.value == (None if value is None else value // 1), asked.measure


def ours(
    rulebook: Rulebook, events: list[Event], record: Mapping[str, Sequence[str]], day: date
) -> Decision:
    """What the service's rules say, in the stranger's words."""
    decision = rulebook.decide(history_of(rulebook, events), day.toordinal())
    recorded = {name: one_or_many(name, values) for name, values in record.items()}
    tags = all_of(decision.tags, rulebook.care.with_handling(of_record(recorded)))
    return Decision(
        points={
            measure.measure: Fraction(points, 100)
            for (_, measure), points in zip(rulebook.measures, decision.points, strict=True)
        },
        value=decision.value,
        need=decision.need,
        risk=decision.risk,
        tier=decision.tier,
        tags={str(name): set(values) for name, values in tags},
    )


def one_or_many(name: str, values: Sequence[str]) -> str | tuple[str, ...]:
    """An attribute as profile tells it."""
    return tuple(values) if name == "special_care" else values[0]


def history_of(rulebook: Rulebook, events: list[Event]) -> History:
    return rulebook.evidence.history(fact for event in events for fact in heard(rulebook, event))


def heard(rulebook: Rulebook, event: Event) -> Sequence[Fact]:
    """What the service makes of an event, by the topic on which it comes."""
    envelope = Envelope("e", "/somewhere", event.type, event.time, event.time, key="C-1")
    match event.type.split("."):
        case ["careline", "outreach", *_]:
            answer = OutreachAnswered(request="O-1", customer="C-1", result=event.body["result"])
            return [of_answer(envelope, answer, rulebook.calendar)]
        case ["careline", "ticket", *_]:
            return of_ticket(a_ticket_with(event), rulebook.calendar.day_of)
    activity = Activity(
        customer="C-1", identity="app_user:1", channel=event.channel, body=dict(event.body)
    )
    return [of_activity(envelope, activity, rulebook.calendar)]


def a_ticket_with(event: Event) -> TicketState:
    """The state of a ticket on which one thing happened."""
    at, clocks, ratings = event.time, [], []
    if target := event.body.get("target"):
        clocks = [Clock(target=target, started_at=at, due_at=at, breached_at=at)]
    else:
        ratings = [Rating(score=event.body["score"], rated_at=at)]
    return TicketState(
        ticket="T-1",
        customer="C-1",
        identity="app_user:1",
        version=1,
        kind="complaint",
        level="L3",
        status="open",
        opened_at=at,
        clocks=tuple(clocks),
        ratings=tuple(ratings),
        touchpoints=1,
        policy_version="1",
    )
