"""One-time codes (TOTP, RFC 6238): the second factor for the most sensitive fields.

A code works once: its time step is remembered, and only a later one is taken. Wrong codes are
counted, and after too many in a row nobody tries on for a while; six digits are guessed otherwise.
"""

import hmac
from datetime import datetime, timedelta
from typing import NamedTuple

import pyotp

from careline_runtime.access.policy import CodePolicy

STEP_SECONDS = 30
STEPS_APART = 1
"""How far the clock of a telephone may be off."""
ISSUER = "Careline"


class Enrolment(NamedTuple):
    """Somebody's second factor as it stands."""

    secret: str
    last_step: int = 0
    """The time step of the last code that was taken; none was, while it is 0."""
    failures: int = 0
    """Wrong codes since the last right one."""
    locked_until: datetime | None = None

    @property
    def is_proven(self) -> bool:
        """Whether a code was ever right: until then its owner may begin anew."""
        return self.last_step > 0


class Verdict(NamedTuple):
    """Whether a code was right, and the enrolment from now on."""

    why_not: str
    """Empty if the code was right."""
    after: Enrolment


def new_secret() -> str:
    """160 random bits, as authenticator apps take them."""
    return pyotp.random_base32()


def address(secret: str, subject: str) -> str:
    """What an authenticator app scans."""
    return pyotp.TOTP(secret).provisioning_uri(name=subject, issuer_name=ISSUER)


def judge(enrolment: Enrolment, code: str, *, at: datetime, policy: CodePolicy) -> Verdict:
    """Whether `code` is right at `at`, for the first time, and not after too many wrong ones."""
    if enrolment.locked_until is not None and at < enrolment.locked_until:
        return Verdict("too many wrong codes; try again later", enrolment)
    step = _step(enrolment.secret, code, at)
    if step is not None and step > enrolment.last_step:
        return Verdict("", Enrolment(enrolment.secret, last_step=step))
    failed = enrolment._replace(failures=enrolment.failures + 1, locked_until=None)
    if failed.failures >= policy.attempts:
        locked_until = at + timedelta(minutes=policy.locked_minutes)
        failed = failed._replace(failures=0, locked_until=locked_until)
    return Verdict("the code was used already" if step is not None else "a wrong code", failed)


def _step(secret: str, code: str, at: datetime) -> int | None:
    """The time step whose code this is, near `at`."""
    generator = pyotp.TOTP(secret, interval=STEP_SECONDS)
    now = int(at.timestamp()) // STEP_SECONDS
    near = range(now - STEPS_APART, now + STEPS_APART + 1)
    right = [s for s in near if hmac.compare_digest(generator.generate_otp(s), code)]
    return right[-1] if right else None
