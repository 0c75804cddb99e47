"""One-time codes: right once, near their time, and not to be guessed. Masks: what they leave."""

from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from careline_profile.protection.codes import Enrolment, Verdict, address, judge, new_secret
from careline_profile.protection.masks import mask
from careline_runtime.access.policy import CodePolicy

NOON = datetime(2026, 3, 2, 4, 0, 15, tzinfo=UTC)
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
POLICY = CodePolicy(attempts=3, locked_minutes=60)
WRONG = "000000"


def code(at: datetime = NOON) -> str:
    return pyotp.TOTP(SECRET).at(at)


def used(enrolment: Enrolment, given: str, *, at: datetime = NOON) -> Verdict:
    return judge(enrolment, given, at=at, policy=POLICY)


@pytest.mark.parametrize(
    ("seconds", "is_right"),
    [
        pytest.param(-60, False, id="a minute old"),
        pytest.param(-30, True, id="the one before"),
        pytest.param(0, True, id="now"),
        pytest.param(30, True, id="of a telephone that is ahead"),
        pytest.param(60, False, id="a minute ahead"),
    ],
)
def test_a_code_is_right_near_its_time(seconds: int, is_right: bool) -> None:
    verdict = used(Enrolment(SECRET), code(NOON + timedelta(seconds=seconds)))

    assert (verdict.why_not == "") == is_right


def test_a_code_works_once_and_none_before_it_works_after_it() -> None:
    enrolment = used(Enrolment(SECRET), code()).after

    assert enrolment.is_proven
    assert used(enrolment, code()).why_not == "the code was used already"
    before = code(NOON - timedelta(seconds=30))
    assert used(enrolment, before).why_not == "the code was used already"
    later = NOON + timedelta(seconds=30)
    assert used(enrolment, code(later), at=later).why_not == ""


def test_too_many_wrong_codes_lock_even_the_right_one_for_a_while() -> None:
    enrolment = Enrolment(SECRET)
    for _ in range(3):
        verdict = used(enrolment, WRONG)
        assert verdict.why_not == "a wrong code"
        enrolment = verdict.after

    at = NOON + timedelta(minutes=59)
    assert used(enrolment, code(at), at=at).why_not == "too many wrong codes; try again later"
    at = NOON + timedelta(minutes=60)
    assert used(enrolment, code(at), at=at).why_not == ""


def test_a_right_code_forgives_wrong_ones() -> None:
    enrolment = used(Enrolment(SECRET, failures=2), code()).after

    assert (enrolment.failures, enrolment.locked_until) == (0, None)


def test_secrets_are_new_each_time_and_apps_can_scan_them() -> None:
    one, other = new_secret(), new_secret()

    assert one != other
    assert address(one, "ann") == f"otpauth://totp/Careline:ann?secret={one}&issuer=Careline"


@pytest.mark.parametrize(
    ("field", "value", "left"),
    [
        ("phone", "+8613912345670", "139****5670"),
        ("phone", "+442071234567", "+44****4567"),
        ("phone", "12345", "****"),
        ("email", "ann@example.org", "a***@example.org"),
        ("name", "王小明", "王**"),
        ("name", "Ann Example", "A***"),
        ("name", "王", "*"),
        ("id_number", "11010519491231002X", "**************002X"),
        ("bank_account", "6222021234567890", "************7890"),
        ("member_card", "00412", "****"),
        ("birthday", "1990-03-02", "****-03-02"),
        ("address", "杭州市西湖区1号", "***"),
    ],
)
def test_a_mask_leaves_enough_to_compare(field: str, value: str, left: str) -> None:
    assert mask(field, value) == left
