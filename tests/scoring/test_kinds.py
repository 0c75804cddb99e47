"""How events become facts: of which kind, on which business day."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from careline_scoring.model import NEVER, kind_of
from careline_scoring.policy import ScoringPolicy
from careline_scoring.rules import Rulebook
from careline_scoring.rules.evidence import Calendar


@pytest.mark.parametrize(
    ("type", "body", "kind"),
    [
        ("careline.purchase.completed.v1", {"amount_minor": 1}, "purchase.completed"),
        ("careline.call.completed.v1", {"direction": "inbound"}, "call.completed/inbound"),
        ("careline.payment.received.v1", {"days_late": 0}, "payment.received/punctual"),
        ("careline.payment.received.v1", {"days_late": 3}, "payment.received/late"),
        ("careline.referral.made.v1", {"converted": True}, "referral.made/converted"),
        ("careline.referral.made.v1", {}, "referral.made/open"),
        ("careline.survey.answered.v1", {"survey": "csat", "score": 9}, "survey.answered/csat-9"),
        ("careline.fault.reported.v1", {"impact": "question"}, "fault.reported/question"),
        ("careline.purchase.completed.v2", {}, "purchase.completed.v2"),
    ],
)
def test_kinds_of_fact(type: str, body: dict[str, Any], kind: str) -> None:
    assert kind_of(type, body) == kind


@pytest.mark.parametrize(
    ("zone", "instant", "day", "begins"),
    [
        pytest.param(
            "Asia/Shanghai",
            datetime(2024, 2, 29, 15, 59, 59, tzinfo=UTC),
            date(2024, 2, 29),
            datetime(2024, 2, 28, 16, tzinfo=UTC),
            id="one second before midnight in Shanghai",
        ),
        pytest.param(
            "Asia/Shanghai",
            datetime(2024, 2, 29, 16, tzinfo=UTC),
            date(2024, 3, 1),
            datetime(2024, 2, 29, 16, tzinfo=UTC),
            id="midnight begins the day",
        ),
        pytest.param(
            "Africa/Cairo",
            datetime(2024, 4, 26, 9, tzinfo=UTC),
            date(2024, 4, 26),
            datetime(2024, 4, 25, 22, tzinfo=UTC),
            id="where clocks jump at midnight the day begins at one",
        ),
    ],
)
def test_business_days(zone: str, instant: datetime, day: date, begins: datetime) -> None:
    calendar = Calendar(zone)
    assert calendar.day_of(instant) == day.toordinal()
    assert calendar.begins(day.toordinal()) == begins
    assert calendar.begins(NEVER) is None


def test_a_kind_without_variant_means_all_of_them(shipped: Any) -> None:
    policy: ScoringPolicy = shipped.policy
    evidence = Rulebook(policy, version="x").evidence
    assert evidence.names("call.completed/outbound") == ("contact",)
    assert evidence.names("call.missed/inbound") == ("contact",)
    assert evidence.names("call.missed/outbound") == ()
