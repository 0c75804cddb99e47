"""An event says what its touchpoint says, and no more."""

import json
from datetime import datetime

import pytest

from careline_client import event, event_id
from careline_contracts.envelope import from_structured
from careline_contracts.events.touchpoints import (
    ComplaintRaised,
    Identity,
    OutreachAnswered,
    PurchaseCompleted,
)
from tests.client.script import NOON

CARD = Identity(kind="member_card", value="00412")


def test_ingest_reads_what_was_said() -> None:
    sale = PurchaseCompleted(identities=(CARD,), amount_minor=12_900, currency="CNY")
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    sent = event(sale, id="till-3-481", source="/store/3", occurred_at=NOON, traceparent=trace)
    envelope, data = from_structured(sent.to_json())

    assert (envelope.id, envelope.source, envelope.type) == (
        "till-3-481",
        "/store/3",
        PurchaseCompleted.type,
    )
    assert (envelope.occurred_at, envelope.traceparent) == (NOON, trace)
    assert PurchaseCompleted.parse(data) == sale


def test_a_channel_that_is_not_named_is_left_to_ingest() -> None:
    def said(complaint: ComplaintRaised) -> dict[str, object]:
        sent = event(complaint, id="1", source="/phone/1", occurred_at=NOON)
        return dict(json.loads(sent.data))

    assert "via" not in said(ComplaintRaised(identities=(CARD,)))
    assert said(ComplaintRaised(identities=(CARD,), via="app"))["via"] == "app"


def test_the_answer_to_an_outreach_is_an_event_too() -> None:
    answer = OutreachAnswered(request="r", customer="c", result="read", cause=None)

    sent = event(answer, id="1", source="/sms/1", occurred_at=NOON)

    assert json.loads(sent.data) == {"request": "r", "customer": "c", "result": "read"}


def test_a_time_needs_an_offset() -> None:
    sale = PurchaseCompleted(identities=(CARD,), amount_minor=1, currency="CNY")

    with pytest.raises(ValueError, match="offset"):
        event(sale, id="1", source="/s", occurred_at=datetime(2026, 3, 1))  # noqa: DTZ001


def test_an_id_is_the_same_for_the_same_parts_only() -> None:
    assert event_id("till-3", 481) == "d41e8167af62876e1cd001d747dcd524", "on every machine"
    different: list[tuple[str | int, ...]] = [
        ("till-3", 481),
        ("till-3", "481"),
        ("till-", "3481"),
        ("till-3481",),
        (),
    ]
    assert len({event_id(*parts) for parts in different}) == len(different)
