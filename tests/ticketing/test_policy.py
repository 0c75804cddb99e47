"""A policy that can't be kept is refused, with the line to change."""

from importlib.resources import files

import pytest

from careline_runtime.errors import Misconfigured
from careline_runtime.policy import parse_policy
from careline_ticketing.policy import Policy

SHIPPED = files("careline_ticketing").joinpath("policy.yaml").read_text("utf-8")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        pytest.param("country: CN", "country: XX", "does not know the country", id="calendar"),
        pytest.param(
            "fault.reported/system_down:", "fault.reported/smoke:", "no impact", id="impact"
        ),
        pytest.param("enquiry.made:", "question.asked:", "no channel reports", id="type"),
        pytest.param("enquiry.made:", "issue.resolved:", "no channel reports", id="a follow-up"),
        pytest.param(
            "promises: emergency}", "promises: hurry}", "no promises called 'hurry'", id="promises"
        ),
        pytest.param(
            "target: temporary_fix", "target: first_response", "promises a target twice", id="twice"
        ),
        pytest.param("within_minutes: 30,", "within_minutes: 0,", "greater than 0", id="no time"),
        pytest.param("reopening:", "reopenings:", "reopenings", id="misspelt"),
    ],
)
def test_what_a_policy_may_not_say(old: str, new: str, reason: str) -> None:
    assert old in SHIPPED

    with pytest.raises(Misconfigured, match=reason):
        parse_policy(Policy, SHIPPED.replace(old, new, 1), path="policy.yaml")
