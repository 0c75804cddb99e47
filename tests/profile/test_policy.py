"""The shipped policy, and what a policy file is refused for."""

import json
from importlib.resources import files

import pytest

from careline_profile.model import Held, Ref, Refused
from careline_profile.policy import ProfilePolicy
from careline_profile.rules import usable
from careline_runtime.errors import Misconfigured
from careline_runtime.policy import parse_policy
from tests.profile.by_hand import KEYRING, LINK_RULES, ref
from tests.profile.histories import History

SHIPPED = files("careline_profile").joinpath("policy.yaml").read_text("utf-8")


def known(*identities: str) -> tuple[Ref, ...]:
    return usable(map(ref, identities), LINK_RULES)


def test_the_shipped_policy_keeps_what_is_shared_weak_and_what_is_personal_single() -> None:
    assert LINK_RULES.weak_kinds == {"device", "bank_account"}
    assert LINK_RULES.single_valued_kinds == {"crm_number", "member_card", "id_number"}


def test_two_id_numbers_keep_customers_apart_until_a_person_decides() -> None:
    past = History(LINK_RULES)
    for event in (
        ("phone:13911112222", "id_number:G12345678"),
        ("email:b@b.cn", "id_number:E7654"),
        ("phone:13911112222", "email:b@b.cn"),
    ):
        past.hear(*map(ref, event))
    change = past.changes[-1]
    assert isinstance(change, Refused)
    assert change.held == Held("single_valued_conflict", "id_number")


def test_a_bank_account_that_a_family_shares_makes_nobody_one() -> None:
    account = "bank_account:6222021234567894"
    assert known(account) == (ref(account),)
    for person in ("phone:13911112222", "phone:13933334444"):
        assert known(account, person) == (ref(person),)


@pytest.mark.parametrize(
    "identity",
    [
        "phone:13800000000",
        "phone:+8613800000000",
        "phone:138 0000 0000",
        "email:NONE@none",
        "app_user:undefined",
        "member_card:0",
        "id_number:110105 19491231 002x",
        "bank_account:1234-5678",
        "device:null",
    ],
)
def test_a_placeholder_is_known_however_it_is_spelt(identity: str) -> None:
    assert ref(identity) in LINK_RULES.blocked


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("strength: weak", "strength: none", "'strong' or 'weak'"),
        ("13800138000", "not a phone", "can never arrive: phone is not a phone number"),
        ("crm_number:", "passport:", "passport"),
        ("max_identities: 50", "max_identities: 0", "greater than 0"),
        ("max_identities: 50", "max_identity: 50", "max_identity"),
        ("shares: month_and_day", "shares: value", "a personal value is not for other services"),
        ("form: language", "form: choice", "has choices"),
        ("    industry:", "    consents:", "consents: filled by events of their own"),
        ('"[A-Z]{2}(', '"[A-Z{2}((', "no regular expression"),
    ],
)
def test_a_wrong_policy_says_where(old: str, new: str, words: str) -> None:
    assert old in SHIPPED
    with pytest.raises(Misconfigured, match=words) as refused:
        parse_policy(ProfilePolicy, SHIPPED.replace(old, new), path="profile.yaml")
    assert "profile.yaml:" in str(refused.value)


def test_every_kind_of_identity_needs_a_rule() -> None:
    without = SHIPPED.replace("  device:\n    strength: weak\n    blocked: *not-a-value\n", "")
    assert without != SHIPPED
    with pytest.raises(Misconfigured, match="kinds without a rule: device"):
        parse_policy(ProfilePolicy, without, path="profile.yaml")


def test_blocked_values_are_tokens_in_the_rules() -> None:
    assert f"phone:{KEYRING.token('phone', '+8613800000000')}" in LINK_RULES.blocked
    assert not any("13800000000" in blocked for blocked in LINK_RULES.blocked)


def test_no_shipped_example_is_a_placeholder() -> None:
    """Whoever tries an example from the documentation must get a customer, not a dead letter."""
    examples = files("careline_contracts").joinpath("examples").iterdir()
    events = [
        event
        for example in examples
        if example.name.endswith(".json")
        for event in json.loads(example.read_text("utf-8"))
    ]
    named = [
        f"{identity['kind']}:{identity['value']}"
        for event in events
        for identity in event["data"].get("identities", ())
        if "value" in identity
    ]
    assert named
    assert not [identity for identity in named if ref(identity) in LINK_RULES.blocked]
