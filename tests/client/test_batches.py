"""Batches lose nothing, keep the order and the limits, and hold no more than they must."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careline_client import Event
from careline_client.batches import MAX_BATCH_BYTES, MAX_BATCH_EVENTS, batches
from tests.client.script import NOON

ENVELOPE_BYTES = len(Event("", "", "", NOON, b"").to_json())


def an_event(number: int, size: int) -> Event:
    """One that is `size` bytes long, and a little more."""
    return Event(str(number), "/test", "t", NOON, b'"%s"' % (b"x" * size))


@given(
    st.lists(
        st.one_of(
            st.integers(0, 100),
            st.integers(100_000, 2_000_000),
            st.integers(MAX_BATCH_BYTES - ENVELOPE_BYTES - 20, MAX_BATCH_BYTES + 10),
        ),
        max_size=12,
    ),
    st.integers(0, 2_500),
)
def test_any_events_travel_in_order_within_the_limits(sizes: list[int], small: int) -> None:
    events = [an_event(number, size) for number, size in enumerate([*sizes, *[10] * small])]

    cut = list(batches(events))

    assert [event for batch in cut for event in batch.events] == events
    for batch in cut:
        assert list(batch.encoded) == [event.to_json() for event in batch.events]
        body = b"[" + b",".join(batch.encoded) + b"]"
        assert 0 < len(batch.events) <= MAX_BATCH_EVENTS
        assert len(body) <= MAX_BATCH_BYTES or len(batch.events) == 1


@given(st.lists(st.sampled_from([0, 1_500_000, 5_000_000]), max_size=12))
def test_every_event_that_was_taken_is_in_the_batch_or_said_to_follow(sizes: list[int]) -> None:
    taken: list[Event] = []

    def events() -> Iterator[Event]:
        for number, size in enumerate(sizes):
            taken.append(an_event(number, size))
            yield taken[-1]

    settled = 0
    for batch in batches(events()):
        assert [*batch.events, *batch.following] == taken[settled:]
        settled += len(batch.events)
    assert settled == len(sizes)


@pytest.mark.parametrize("count", [1, 999, 1_000, 1_001, 2_000])
def test_a_full_batch_does_not_wait_for_the_next_event(count: int) -> None:
    made = 0

    def events() -> Iterator[Event]:
        nonlocal made
        for made in range(1, count + 1):
            yield an_event(made, 0)

    assert [made for _ in batches(events())] == [
        *range(1_000, count + 1, 1_000),
        *([count] if count % 1_000 else []),
    ]


def test_an_event_is_json_whatever_is_in_it() -> None:
    odd = Event('a"b\\', "/源", "t", NOON, b'{"a":1}', traceparent="00-1-2-01")

    assert json.loads(odd.to_json()) == {
        "specversion": "1.0",
        "id": 'a"b\\',
        "source": "/源",
        "type": "t",
        "time": "2026-03-01T12:00:00Z",
        "traceparent": "00-1-2-01",
        "datacontenttype": "application/json",
        "data": {"a": 1},
    }
