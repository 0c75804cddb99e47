"""The verifiable load: numbered without a gap, disturbed without being changed."""

from collections import Counter, defaultdict
from datetime import datetime, timedelta

from careline_contracts.events.touchpoints import ComplaintRaised
from tests.journeys.faults.load import ACCEPTED, DUPLICATE, MAX_DELAY, ROAMS_EVERY, Load, records

LOAD = Load(events=5_000, customers=300, seed=11, poison_share=0.01)


def test_a_load_numbers_each_customers_events_without_a_gap() -> None:
    last: Counter[str] = Counter()
    for loaded in records(LOAD.undisturbed()):
        customer, _, number = loaded.id.partition("-")
        last[customer] += 1
        assert int(number) == last[customer]
    assert last.total() == LOAD.events


def test_disturbances_leave_the_events_as_they_are() -> None:
    calm = {one.id: one.record for one in records(LOAD.undisturbed())}
    accepted = [one for one in records(LOAD) if one.expected == ACCEPTED]

    assert {one.id: one.record for one in accepted} == calm
    assert len(accepted) == len(calm)
    assert list(records(LOAD)) == list(records(LOAD))


def test_a_duplicate_follows_its_original_and_late_events_are_late() -> None:
    seen: set[str] = set()
    newest = LOAD.start
    late = 0
    for loaded in records(LOAD):
        if loaded.expected == DUPLICATE:
            assert loaded.id in seen
        elif loaded.expected == ACCEPTED:
            seen.add(loaded.id)
            at = loaded.occurred_at
            late += at < newest
            newest = max(newest, at)
            assert newest - at <= MAX_DELAY * timedelta(days=LOAD.days) / LOAD.events
    assert 0.08 < late / LOAD.events < 0.12


def test_late_events_overtake_nothing_that_decides() -> None:
    complained: dict[int, datetime] = defaultdict(lambda: LOAD.start)
    newest: dict[int, datetime] = defaultdict(lambda: LOAD.start)
    arrived = LOAD.start
    overtaken = 0
    for loaded in records(LOAD):
        assert loaded.arrives_at >= arrived
        arrived = loaded.arrives_at
        if loaded.expected != ACCEPTED:
            continue
        customer, at = loaded.customer, loaded.occurred_at
        assert (arrived - LOAD.start).days == (at - LOAD.start).days, "on its own day"
        assert at >= complained[customer], "never after a later complaint"
        overtaken += at < newest[customer]
        newest[customer] = max(newest[customer], at)
        if isinstance(loaded.event, ComplaintRaised):
            complained[customer] = at
    assert overtaken > 0.01 * LOAD.events, "but other events of the same customer are overtaken"


def test_a_customer_over_http_never_comes_another_way() -> None:
    heard = [loaded for loaded in records(LOAD) if loaded.is_over_http]

    assert 0.2 < len(heard) / LOAD.events < 0.3
    assert {loaded.expected for loaded in heard} == {ACCEPTED, DUPLICATE}, "poison has no customer"
    assert all(loaded.customer % ROAMS_EVERY for loaded in heard)
    for loaded in heard:
        sent = loaded.to_event()
        assert (sent.id, sent.occurred_at) == (loaded.id, loaded.occurred_at)
        assert (sent.source, sent.data) == (LOAD.source, loaded.record.value)
