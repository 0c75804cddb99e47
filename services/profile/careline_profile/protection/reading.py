"""A protected read: what the caller's roles may see, opened, and written down before it is told."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from careline_contracts.events.profile import AccessWithdrawn, AuditExtended
from careline_contracts.topics import AUDIT, WITHDRAWALS
from careline_profile.in_force import InForce
from careline_profile.protection import codes, store
from careline_profile.protection.audit import Action, Deed, Entry, next_entry
from careline_profile.protection.masks import mask
from careline_profile.record.queries import facts_of
from careline_profile.record.rules.fold import fold
from careline_profile.rules import kind_of
from careline_runtime.access import Caller
from careline_runtime.access.policy import AccessPolicy, View
from careline_runtime.keyring import Keyring
from careline_runtime.unit_of_work import Unit

SEALED_SECOND_FACTOR = "second factor"
SEALED_REASON = "audit reason"


class Request(NamedTuple):
    """What somebody wants to see of whom, and why; no `fields` are all of them."""

    caller: Caller
    number: str
    fields: Sequence[str]
    reason: str
    code: str


class Seen(NamedTuple):
    """A field as the caller may see it; hidden, there are no values."""

    view: View
    values: tuple[str, ...]
    needs_code: bool
    """Whether a one-time code would show more."""


class Reading(NamedTuple):
    """The answer to a request, and its entry in the audit."""

    customer: str
    fields: Mapping[str, Seen]
    refused: str
    """Why nothing is shown; empty when something is."""
    sequence: int


class Protection:
    """Opens values for those who may see them, and keeps the audit of it."""

    def __init__(self, keyring: Keyring, policy: AccessPolicy, in_force: InForce) -> None:
        self._keyring = keyring
        self._policy = policy
        self._in_force = in_force

    async def read(self, unit: Unit, request: Request) -> Reading | None:
        """What the caller sees, None if there is no such customer.

        It is to be told only once the unit is committed: then the audit has it.
        """
        number = await store.number_of(unit.connection, request.number)
        if number is None:
            return None
        refused = await self._why_not(unit, request.caller.subject, request.code)
        sealed = await self._sealed_fields(unit, number)
        views = {
            field: self._policy.view(
                field, request.caller.roles, has_code=bool(request.code) and not refused
            )
            for field in request.fields or sealed
        }
        deed = _deed(request.caller, "fields.read", number)._replace(
            fields=tuple(f"{field}:{view}" for field, view in sorted(views.items())),
            outcome=refused or "done",
        )
        sequence = await self.note(unit, deed, request.reason)
        if refused:
            return Reading(number, {}, refused, sequence)
        seen = {
            field: self._seen(field, view, sealed.get(field, ()), request)
            for field, view in views.items()
        }
        return Reading(number, seen, "", sequence)

    async def note(self, unit: Unit, deed: Deed, reason: str) -> int:
        """Puts a deed in the audit and says its place and hash; returns the place."""
        after = await store.hold_chain(unit.connection)
        at = await store.now(unit.connection)
        sequence = after[0] + 1 if after else 1
        entry = next_entry(
            deed, reason_digest=reason_digest(self._keyring, sequence, reason), after=after, at=at
        )
        await store.append(unit.connection, entry, self._keyring.seal(SEALED_REASON, reason))
        _announce(unit, entry)
        return entry.sequence

    async def enrol(self, unit: Unit, caller: Caller, code: str) -> str | None:
        """A new secret for the caller's one-time codes; None if one works and `code` is not its.

        Whoever never used theirs may begin anew: the telephone was lost before the first code.
        """
        known = await store.second_factor(unit.connection, caller.subject)
        refused = ""
        if known is not None and known[1].is_proven:
            refused = await self._why_not(unit, caller.subject, code) if code else "no code"
        deed = _deed(caller, "codes.enrol", caller.subject)
        if refused:
            await self.note(unit, deed._replace(outcome=refused), "")
            return None
        secret = codes.new_secret()
        sealed = self._keyring.seal(SEALED_SECOND_FACTOR, secret)
        await store.keep_second_factor(
            unit.connection, caller.subject, sealed, codes.Enrolment(secret)
        )
        await self.note(unit, deed, "")
        return secret

    async def reset(self, unit: Unit, caller: Caller, subject: str, reason: str) -> bool:
        """Whether `subject` had a second factor, which is gone now."""
        had_one = await store.drop_second_factor(unit.connection, subject)
        deed = _deed(caller, "codes.reset", subject)
        await self.note(
            unit, deed._replace(outcome="done" if had_one else "there was none"), reason
        )
        return had_one

    async def withdraw(self, unit: Unit, caller: Caller, subject: str, reason: str) -> datetime:
        """Takes access away from `subject`, in every service; the instant until which theirs held.

        Whoever has no access already loses it again: what was issued meanwhile goes, too.
        """
        sequence = await self.note(unit, _deed(caller, "access.withdraw", subject), reason)
        at = await store.now(unit.connection)
        unit.say(
            WITHDRAWALS,
            AccessWithdrawn(subject=subject, withdrawn_at=at),
            key=subject,
            id=f"withdrawal-{sequence}",
            recorded_at=at,
        )
        return at

    async def _why_not(self, unit: Unit, subject: str, code: str) -> str:
        """Why the code isn't right; empty if it is, or if none was given."""
        if not code:
            return ""
        found = await store.second_factor(unit.connection, subject)
        if found is None:
            return "no second factor is enrolled"
        sealed, enrolment = found
        secret = self._keyring.open(SEALED_SECOND_FACTOR, sealed)
        verdict = codes.judge(
            enrolment._replace(secret=secret),
            code,
            at=await store.now(unit.connection),
            policy=self._policy.codes,
        )
        await store.keep_second_factor(unit.connection, subject, sealed, verdict.after)
        return verdict.why_not

    async def _sealed_fields(self, unit: Unit, number: str) -> dict[str, list[str]]:
        """What is sealed of a customer, by field: identities, and personal fields as they hold."""
        identities = await store.sealed_identities(unit.connection, number)
        sealed = [(kind_of(ref), text) for ref, text in identities]
        facts = await facts_of(unit.connection, [ref for ref, _ in identities])
        rules = self._in_force().fields
        for slot, fact in fold(facts, rules).items():
            if rules.fields[slot.field].personal:
                sealed.append((slot.field, fact.value))
        fields: dict[str, list[str]] = {}
        for field, text in sealed:
            fields.setdefault(field, []).append(text)
        return fields

    def _seen(self, field: str, view: View, sealed: Sequence[str], request: Request) -> Seen:
        would_be = self._policy.view(field, request.caller.roles, has_code=True)
        needs_code = view != would_be
        if view == "hidden":
            return Seen(view, (), needs_code)
        values = [self._keyring.open(field, text) for text in sealed]
        if view == "masked":
            values = [mask(field, value) for value in values]
        return Seen(view, tuple(sorted(values)), needs_code)


def _announce(unit: Unit, entry: Entry) -> None:
    """Where its hash stands, whoever can write to the database can't rewrite."""
    unit.say(
        AUDIT,
        AuditExtended(sequence=entry.sequence, hash=entry.hash),
        key="",
        id=f"audit-{entry.sequence}",
        recorded_at=entry.at,
    )


def _deed(caller: Caller, action: Action, customer: str) -> Deed:
    return Deed(caller.subject, tuple(sorted(caller.roles)), action, customer)


def reason_digest(keyring: Keyring, sequence: int, reason: str) -> str:
    """What the chain holds of a reason: nobody without the key can try reasons against it."""
    return keyring.token(SEALED_REASON, f"{sequence} {reason}")
