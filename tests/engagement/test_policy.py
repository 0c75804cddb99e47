"""The policy file: the shipped one holds, and a wrong one is refused with the reason."""

import pytest

from careline_engagement.policy import EngagementPolicy
from careline_engagement.testing import shipped_policy
from careline_runtime.errors import Misconfigured
from careline_runtime.policy import parse_policy

SHIPPED = shipped_policy()


def test_the_shipped_policy_is_the_handbooks() -> None:
    retention = SHIPPED.policy.retention
    assert {s.step: s.within_hours for s in retention.steps} == {
        "supervisor": 2,
        "contact": 24,
        "cause": 24,
        "offer": 24,
    }
    assert retention.warnings["need_dormant"].tiers == {"core", "potential"}


def test_only_touchpoints_that_a_rule_looks_at_are_heard() -> None:
    assert SHIPPED.policy.touchpoint_types == {
        "careline.call.completed.v1",
        "careline.chat-session.closed.v1",
        "careline.order.placed.v1",
        "careline.purchase.completed.v1",
        "careline.sms.replied.v1",
    }


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(
            ("within_hours: 2\n", "within_hours: 25\n"),
            "contact falls due before supervisor, which precedes it",
            id="deadlines out of order",
        ),
        pytest.param(
            ("window_days: 30", "window_days: 1"),
            "offer falls due after the outcome window has ended",
            id="a window shorter than the deadlines",
        ),
        pytest.param(("window_days: 30", "window_days: 0"), "greater than 0", id="no window"),
        pytest.param(
            ("done_by: [outreach.answered/offer]", "done_by: [offer.made]"),
            "'offer.made' is neither a touchpoint nor what an outreach is answered with",
            id="unknown evidence",
        ),
        pytest.param(("step: offer", "step: cause"), "each once", id="a step twice, one missing"),
        pytest.param(("      edge: sms\n", ""), "no channel for edge", id="a tier without channel"),
        pytest.param(
            ("withdrawn_by: [outreach.answered/opted_out]", "withdrawn_by: [order.placed]"),
            "order.placed can't both save and withdraw a case",
            id="one evidence, two endings",
        ),
        pytest.param(("cool_down_days", "cooldown_days"), "Extra inputs", id="misspelt"),
    ],
)
def test_a_wrong_policy_is_refused_with_the_reason(change: tuple[str, str], reason: str) -> None:
    assert change[0] in SHIPPED.text
    with pytest.raises(Misconfigured, match=reason):
        parse_policy(EngagementPolicy, SHIPPED.text.replace(*change), path="engagement.yaml")
