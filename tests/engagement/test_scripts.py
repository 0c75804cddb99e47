"""Scripts: whole in every language, said in the customer's own, slowly where that is asked for."""

from typing import Any

import pytest

from careline_engagement.policy.scripts import Script
from tests.engagement.by_hand import shipped_policy

SHIPPED = shipped_policy()


@pytest.mark.parametrize(
    ("wordings", "reason"),
    [
        pytest.param({"zh": {"body": "您好"}}, "there is no wording in en", id="a language short"),
        pytest.param(
            {"zh": {"body": "{{ phone }}"}, "en": {"body": "Hi"}},
            "nobody fills in phone",
            id="a variable that nobody fills in",
        ),
        pytest.param(
            {"zh": {"body": "{{ name"}, "en": {"body": "Hi"}}, "of the script", id="not a template"
        ),
        pytest.param(
            {"zh": {"body": "您好", "slow": "您……好"}, "en": {"body": "Hi"}},
            "no slower wording in en",
            id="slowly in one language only",
        ),
    ],
)
def test_a_script_that_can_not_be_said_is_refused(wordings: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Script.model_validate(wordings)


def test_a_script_is_said_in_the_customers_language() -> None:
    script = SHIPPED.policy.scripts["care-message"]
    said = script.render("en-GB", {"name": "$name", "product": "phone"})
    assert (said.language, said.body[:35]) == ("en", "Hello $name, news about phone for y")
    assert script.render(None, {"name": "$name"}).language == "zh"
    assert "您的需求" in script.render("fr", {"name": "$name"}).body


def test_a_script_is_said_slowly_where_it_is_worded_so() -> None:
    scripts, name = SHIPPED.policy.scripts, {"name": "$name"}
    assert "speak slowly" in scripts["retention-24h"].render("en", name, slowly=True).body
    assert "speak slowly" not in scripts["retention-24h"].render("en", name).body
    assert scripts["birthday"].render("en", name, slowly=True).body.startswith("Happy birthday")


def test_a_script_can_not_reach_out_of_its_sandbox() -> None:
    escape = "{{ name.__class__.__mro__ }}"
    script = Script.model_validate({"zh": {"body": escape}, "en": {"body": escape}})
    with pytest.raises(Exception, match="unsafe"):
        script.render("en", {"name": "x"})


def test_every_script_is_said_by_somebody() -> None:
    said = {script for playbook in SHIPPED.policy.playbooks for script in playbook.scripts}
    assert said == set(SHIPPED.policy.scripts)
