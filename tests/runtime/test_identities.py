"""One spelling per identity, whoever typed it."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from careline_contracts.events.touchpoints import IdentityKind
from careline_runtime.identities import normalise


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("phone", "13912345678", "+8613912345678"),
        ("phone", "+86 139-1234-5678", "+8613912345678"),
        ("phone", "008613912345678", "+8613912345678"),
        ("phone", "8613912345678", "+8613912345678"),
        ("phone", "１３９１２３４５６７８", "+8613912345678"),
        ("phone", "010-8888 8888", "+861088888888"),
        ("phone", "010-8888 8888 ext. 12", "+861088888888;ext=12"),
        ("phone", "+1 (650) 253-0000", "+16502530000"),
        ("email", "  Ann@Example.ORG ", "ann@example.org"),
        ("email", "ａｎｎ@example.org", "ann@example.org"),
        ("member_card", " 00001 ", "00001"),
        ("app_user", "Ann", "Ann"),
        ("chat_open_id", "oX_7-z", "oX_7-z"),
        ("crm_number", "ＣＲＭ７", "CRM7"),
    ],
)
def test_spellings_of_one_identity_become_one(
    kind: IdentityKind, value: str, expected: str
) -> None:
    assert normalise(kind, value) == expected
    if kind != "phone" or ";" not in expected:
        assert normalise(kind, expected) == expected


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        ("phone", "", "phone is not a phone number"),
        ("phone", "null", "phone is not a phone number"),
        ("phone", "123", "wrong number of digits"),
        ("phone", "+86139123456789012", "wrong number of digits"),
        ("email", "ann", "name@host"),
        ("email", "ann@", "name@host"),
        ("email", "a b@example.org", "name@host"),
        ("email", "a@b@c", "name@host"),
        ("member_card", "   ", "member_card is empty"),
        ("app_user", "a\x00b", "control characters"),
        ("device", "x" * 255, "longer than 254"),
    ],
)
def test_what_is_no_identity_is_refused_without_repeating_it(
    kind: IdentityKind, value: str, words: str
) -> None:
    with pytest.raises(ValueError, match=words) as refused:
        normalise(kind, value)
    assert len(value.strip()) < 4 or value not in str(refused.value)


@given(st.from_regex(r"(\+86)?1[3-9][0-9]{9}", fullmatch=True))
def test_the_fast_way_for_chinese_mobiles_agrees_with_the_library(value: str) -> None:
    number = phonenumbers.parse(value, "CN")
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    assert normalise("phone", value) == e164


@given(st.text(max_size=40))
def test_a_phone_is_normalised_or_refused_and_then_stays(value: str) -> None:
    try:
        once = normalise("phone", value)
    except ValueError:
        return
    assert once.startswith("+")
    assert normalise("phone", once) == once
