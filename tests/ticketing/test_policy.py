"""A policy that can't be kept is refused, with the line to change."""

from importlib.resources import files

import pytest
import yaml

from careline_runtime.errors import Misconfigured
from careline_runtime.policy import parse_policy
from careline_ticketing.policy import Policy

SHIPPED = files("careline_ticketing").joinpath("policy.yaml").read_text("utf-8")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        pytest.param(
            "time_zone: Asia/Shanghai", "time_zone: Asia/Nowhere", "not a time zone", id="zone"
        ),
        pytest.param("country: CN", "country: XX", "does not know the country", id="country"),
        pytest.param(
            "mon: [09:00-18:00]", "mon: [18:00-09:00]", "does not open before", id="hours backwards"
        ),
        pytest.param(
            "mon: [09:00-18:00]", "mon: [09:00-25:00]", "does not open before", id="hours too late"
        ),
        pytest.param(
            "mon: [09:00-18:00]", "mon: [9-18]", "is not a time of day", id="hours without minutes"
        ),
        pytest.param(
            "mon: [09:00-18:00]", "mon: [09:00-13:00, 12:00-18:00]", "overlap", id="overlap"
        ),
        pytest.param("    sun: []\n", "", "no hours for sun", id="a day forgotten"),
        pytest.param(
            "years: {}",
            "years: {2027: {closed: [2026-01-01], make_up: []}}",
            "2026-01-01 is listed under 2027",
            id="a date in the wrong year",
        ),
        pytest.param(
            "years: {}",
            "years: {2027: {closed: [2027-01-01], make_up: [2027-01-01]}}",
            "both closed and worked",
            id="a date in both lists",
        ),
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


def test_a_desk_that_is_never_open_is_refused() -> None:
    document = yaml.safe_load(SHIPPED)
    document["calendar"]["week"] = dict.fromkeys(document["calendar"]["week"], ())

    with pytest.raises(ValueError, match="never open"):
        Policy.model_validate(document)
