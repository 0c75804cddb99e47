"""What is made up is made up alike each time, fits the contracts, and is labelled."""

from collections import Counter
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from careline_cli.mapping import EVENT_TYPES
from careline_cli.synthetic import SOURCE, Purchase, purchases_in, synthetic_events
from careline_client import Event
from careline_contracts.events.touchpoints import ChannelEvent, IssueResponded, PurchaseCompleted

SHANGHAI = ZoneInfo("Asia/Shanghai")
SINCE = datetime(2021, 1, 1, tzinfo=SHANGHAI)
UNTIL = datetime(2022, 7, 1, tzinfo=SHANGHAI)


@pytest.fixture(scope="module")
def purchases() -> list[Purchase]:
    """Every customer buys three times."""
    noon = SINCE + timedelta(hours=12)
    return [
        Purchase(f"{card:05}", noon + timedelta(days=(card * 7 + visit * 90) % 540), 1_177)
        for card in range(4_000)
        for visit in range(3)
    ]


@pytest.fixture(scope="module")
def events(purchases: list[Purchase]) -> list[Event]:
    return synthetic_events(purchases, seed=7, since=SINCE, until=UNTIL)


def parsed(event: Event) -> ChannelEvent:
    return EVENT_TYPES[event.type].parse(event.data)


def test_the_same_seed_gives_the_same_events_and_another_seed_others(
    purchases: list[Purchase], events: list[Event]
) -> None:
    again = synthetic_events(reversed(purchases), seed=7, since=SINCE, until=UNTIL)

    assert again == events
    assert synthetic_events(purchases, seed=8, since=SINCE, until=UNTIL) != events


def test_events_are_in_order_of_time_within_the_period(events: list[Event]) -> None:
    times = [event.occurred_at for event in events]

    assert times == sorted(times)
    assert times[0] >= SINCE
    assert times[-1] < UNTIL


def test_every_event_fits_its_contract_and_is_labelled_synthetic(events: list[Event]) -> None:
    for event in events:
        payload = parsed(event)
        channel = getattr(payload, "via", payload.channel)
        assert event.source == f"{SOURCE}{channel}"
    assert len({(event.source, event.id) for event in events}) == len(events)


DESK_WORDS = "replied fixed paused resumed assigned prioritised closed rated"
SAID_BY_A_DESK = {f"careline.issue.{word}.v1" for word in DESK_WORDS.split()}
"""What a help desk of the company's own says; logs of such desks are imported, not made up."""


def test_all_types_but_the_purchase_and_a_desk_s_occur(events: list[Event]) -> None:
    kinds = {event.type for event in events}

    assert kinds == set(EVENT_TYPES) - {PurchaseCompleted.type} - SAID_BY_A_DESK


def test_there_are_about_six_events_to_ten_purchases(
    purchases: list[Purchase], events: list[Event]
) -> None:
    assert 0.5 < len(events) / len(purchases) < 0.7


def test_the_card_comes_first_or_the_phone_alone(events: list[Event]) -> None:
    kinds = Counter(tuple(one.kind for one in parsed(event).identities) for event in events)

    assert {key[0] for key in kinds} == {"member_card", "phone"}
    assert all(len(key) == 1 for key in kinds if key[0] == "phone")
    assert kinds["member_card", "phone"] > 100
    assert kinds["phone",] > 10


def test_some_phones_known_alone_are_later_linked_to_a_card(events: list[Event]) -> None:
    alone: set[str] = set()
    linked: set[str] = set()
    for event in events:
        values = [one.value for one in parsed(event).identities]
        if values[0].startswith("+"):
            alone.add(values[0])
        linked.update(value for value in values[1:] if value in alone)

    assert linked
    assert alone - linked


def test_answers_name_the_problem_that_they_are_about(events: list[Event]) -> None:
    raised = {reference_of(event) for event in events if ".raised." in event.type}
    raised |= {reference_of(event) for event in events if ".reported." in event.type}
    answered = {reference_of(event) for event in events if event.type == IssueResponded.type}

    assert answered <= raised
    assert raised - answered, "some are never answered"


def reference_of(event: Event) -> str:
    reference: str = getattr(parsed(event), "reference")  # noqa: B009 - several types have it
    return reference


def test_purchases_are_found_among_imported_events() -> None:
    data = b'{"identities":[{"kind":"member_card","value":"7"}],"amount_minor":5,"currency":"USD"}'
    event = Event("1", "/import/x", PurchaseCompleted.type, SINCE, data)

    assert purchases_in([event]) == [Purchase("7", SINCE, 5)]
