"""The shipped playbooks are the handbooks': each rule with the playbook and step that keep it."""

import pytest

from careline_engagement.policy.playbook import Playbook
from careline_engagement.policy.steps import Escalate, Obligation, OutreachStep, Task
from tests.engagement.by_hand import shipped_policy

POLICY = shipped_policy().policy


@pytest.mark.parametrize(
    ("playbook", "trigger", "step", "says"),
    [
        pytest.param("retention", "risk/high", "supervisor", "", id="RET-1 a supervisor leads"),
        pytest.param("retention", "risk/high", "contact", "", id="RET-1 a 1:1 contact in 24 h"),
        pytest.param("retention", "need/dormant", "cause", "", id="RET-1 the cause is recorded"),
        pytest.param("retention", "risk/high", "offer", "", id="RET-1 compensation within limits"),
        pytest.param(
            "retention", "risk/high", "outreach", "retention-24h", id="RET-1 what is said to them"
        ),
        pytest.param(
            "account-call", "moment/contact_due", "call", "monthly-call", id="CARE-1 monthly call"
        ),
        pytest.param(
            "quarterly-gift", "moment/quarter", "message", "quarterly-gift", id="CARE-1 high value"
        ),
        pytest.param("quarterly-gift", "moment/quarter", "gift", "", id="CARE-1 the gift itself"),
        pytest.param(
            "privileges", "value/high", "message", "privileges", id="CARE-1 early access, priority"
        ),
        pytest.param(
            "potential-care",
            "moment/contact_due",
            "message",
            "care-message",
            id="CARE-1 potential: every two weeks, targeted news",
        ),
        pytest.param(
            "upgrade-pack", "value/potential", "message", "upgrade-pack", id="CARE-1 upgrade pack"
        ),
        pytest.param(
            "upgrade-pack", "value/potential", "feedback", "feedback", id="CARE-1 feedback"
        ),
        pytest.param("wake-up", "need/dormant", "message", "wake-up", id="CARE-1 wake-up and gift"),
        pytest.param(
            "wake-up", "need/dormant", "ask_why", "ask-why", id="CARE-1 then a person asks why"
        ),
        pytest.param("recall", "tier/edge", "message", "recall", id="CARE-1 edge: recall"),
        pytest.param(
            "quarterly-hello",
            "moment/contact_due",
            "message",
            "quarterly-hello",
            id="CARE-2 the long tail quarterly",
        ),
        pytest.param("pre-sale", "enquiry.made", "answer", "pre-sale", id="CARE-3 pre-sale"),
        pytest.param("after-sales", "order.placed", "confirm", "in-sale", id="CARE-3 in-sale"),
        pytest.param(
            "after-sales", "order.placed", "follow_up", "after-sales", id="CARE-3 within 48 h"
        ),
        pytest.param(
            "after-sales", "order.placed", "message", "after-sales", id="CARE-3 everybody is asked"
        ),
        pytest.param("birthday", "moment/birthday", "message", "birthday", id="CARE-3 birthday"),
        pytest.param(
            "holiday", "moment/spring_festival", "message", "holiday", id="CARE-3 holidays"
        ),
        pytest.param("renewal", "moment/contract_end", "talk", "renewal", id="CARE-3 renewal"),
        pytest.param("renewal", "moment/contract_end", "late", "", id="CARE-3 or it escalates"),
        pytest.param(
            "anniversary", "moment/anniversary", "message", "anniversary", id="CARE-3 anniversary"
        ),
        pytest.param("anniversary", "moment/anniversary", "survey", "survey", id="KPI-1 the NPS"),
        pytest.param(
            "satisfaction", "ticket.resolved", "question", "satisfaction", id="SLA-5 satisfaction"
        ),
        pytest.param(
            "referral-thanks",
            "referral.made",
            "message",
            "referral-thanks",
            id="CARE-5 a referral is thanked for",
        ),
        pytest.param(
            "cross-sell", "product/phone", "message", "cross-sell", id="CARE-5 phone → screen"
        ),
        pytest.param(
            "cross-sell", "life_cycle/active", "message", "cross-sell", id="CARE-5 bought later"
        ),
        pytest.param(
            "maintenance", "product/equipment", "propose", "maintenance", id="CARE-5 equipment"
        ),
        pytest.param(
            "core-bundle", "tier/core", "message", "core-bundle", id="CARE-5 bundles for core"
        ),
        pytest.param(
            "privileges", "tier/core", "message", "privileges", id="CARE-5 points and privileges"
        ),
    ],
)
def test_the_handbook_is_kept(playbook: str, trigger: str, step: str, says: str) -> None:
    found = POLICY.by_name[playbook]
    assert trigger in {entry.trigger for entry in found.enter}
    taken = found.by_name[step]
    if not says:
        assert isinstance(taken, Obligation | Escalate)
        return
    assert isinstance(taken, OutreachStep | Task) and taken.script == says
    script = POLICY.scripts[says]
    for language, words in (("zh", "您"), ("en", " ")):
        said = script.render(language, {"name": "$name", "product": "phone", "key": "K-1"})
        assert said.language == language and words in said.body


@pytest.mark.parametrize("playbook", POLICY.playbooks, ids=lambda playbook: playbook.playbook)
def test_whatever_is_asked_of_somebody_has_a_deadline_and_an_owner(playbook: Playbook) -> None:
    for step in playbook.steps:
        if isinstance(step, Obligation):
            assert step.within_hours and step.missed in ("supervisor", "account_manager")


@pytest.mark.parametrize(
    ("who", "most_days"),
    [
        pytest.param("core", 15, id="core: twice a month"),
        pytest.param("potential", 14, id="potential: every two weeks"),
        pytest.param("basic", 92, id="basic: quarterly"),
        pytest.param("edge", 92, id="the long tail: quarterly"),
    ],
)
def test_the_calendar_is_the_handbooks(who: str, most_days: int) -> None:
    cadences = {str(tier): cadence for tier, cadence in POLICY.cadence.tiers.items()}
    assert cadences[who].at_most_days <= most_days
