"""The policy file: the shipped one holds, and a wrong one is refused with the reason."""

import os
import subprocess
import sys

import pytest

from careline_engagement.policy import EngagementPolicy
from careline_engagement.policy.steps import Obligation
from careline_runtime.errors import Misconfigured
from careline_runtime.policy import parse_policy
from tests.engagement.by_hand import shipped_policy, shipped_with

SHIPPED = shipped_policy()


def test_the_shipped_retention_is_the_handbooks() -> None:
    retention = SHIPPED.policy.by_name["retention"]
    asked = [step for step in retention.steps if isinstance(step, Obligation)]
    assert {step.step: step.within_hours for step in asked} == {
        "contact": 24,
        "cause": 24,
        "offer": 24,
        "supervisor": 2,
    }
    tiers = {entry.trigger: entry.when.tier for entry in retention.enter}
    assert sorted(tiers["need/dormant"] or ()) == ["core", "potential"]


def test_only_touchpoints_that_a_rule_looks_at_are_heard() -> None:
    assert shipped_with("retention").policy.touchpoint_types == {
        "careline.answer.given.v1",
        "careline.call.completed.v1",
        "careline.callback.requested.v1",
        "careline.chat-session.closed.v1",
        "careline.enquiry.made.v1",
        "careline.order.placed.v1",
        "careline.post.published.v1",
        "careline.purchase.completed.v1",
        "careline.sms.replied.v1",
        "careline.store.visited.v1",
        "careline.survey.answered.v1",
    }


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(
            ("    window_days: 30", "    window_days: 1"),
            r":\d+: playbooks.0.steps.0: .*step contact falls due after the window has ended",
            id="a window shorter than the deadlines",
        ),
        pytest.param(("window_days: 30", "window_days: 0"), "greater than 0", id="no window"),
        pytest.param(
            ("done_by: [outreach.answered/offer]", "done_by: [offer.made]"),
            "'offer.made' is no touchpoint, answer to an outreach or result of a follow-up",
            id="unknown evidence",
        ),
        pytest.param(
            ("trigger: risk/high", "trigger: risk/huge"),
            "'risk/huge' is no touchpoint, verdict or tag of scoring, change of a ticket or moment",
            id="unknown trigger",
        ),
        pytest.param(("step: cause", "step: contact"), "step contact is there twice", id="twice"),
        pytest.param(("do: assign", "do: assing"), "does not match any of the expected", id="kind"),
        pytest.param(("          edge: sms\n", ""), "no channel for edge", id="a tier left out"),
        pytest.param(
            ("exit: { by: [outreach.answered/opted_out]", "exit: { by: [order.placed]"),
            "order.placed can't be both goal and exit",
            id="one evidence, two endings",
        ),
        pytest.param(("after_days", "afterdays"), "Extra inputs", id="misspelt"),
        pytest.param(
            ("patience_hours: 23", "patience_hours: 8"),
            "step outreach waits 8 h for room, the quiet hours last 12 h",
            id="no room can come in time",
        ),
        pytest.param(
            ("purpose: retention", "purpose: retention-calls"),
            "purpose retention-calls is not one of the budget's",
            id="unknown purpose",
        ),
        pytest.param(
            ("{ most: 2, days: 7 }", "{ most: 1, days: 7 }"),
            "1 in 7 days says nothing beside 1 in 1 days",
            id="caps that contradict each other",
        ),
        pytest.param(("Asia/Shanghai", "Asia/Shang"), "is no time zone", id="unknown zone"),
    ],
)
def test_a_wrong_policy_is_refused_with_the_reason(change: tuple[str, str], reason: str) -> None:
    assert change[0] in SHIPPED.text
    with pytest.raises(Misconfigured, match=reason):
        parse_policy(EngagementPolicy, SHIPPED.text.replace(*change), path="engagement.yaml")


def test_a_wording_has_one_digest_in_every_process() -> None:
    # else a restart would part running cases from the wording they began with
    script = (
        "from tests.engagement.by_hand import shipped_policy;"
        "print([playbook.digest for playbook in shipped_policy().policy.playbooks])"
    )
    digests = [
        subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert digests == [f"{[playbook.digest for playbook in SHIPPED.policy.playbooks]}\n"] * 2
