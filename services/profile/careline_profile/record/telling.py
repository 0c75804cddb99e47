"""What a touchpoint tells about its customer: opened, brought into form, and sealed again."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

import orjson

from careline_contracts.envelope import Envelope, from_text
from careline_contracts.events.ingest import Touchpoint
from careline_contracts.events.touchpoints import (
    ConsentChanged,
    ContractChanged,
    DetailsGiven,
    SmsOptedOut,
)
from careline_profile.model import Ref
from careline_profile.record.model import CONSENTS, CONTRACTS, Fact, Slot
from careline_profile.record.policy import FieldPolicy
from careline_profile.record.rules.fold import FieldRules
from careline_profile.record.rules.forms import NoValue, in_form, month_and_day
from careline_runtime.keyring import Keyring

GRANTED, REFUSED = "granted", "refused"
NOT_FIELDS = frozenset({"via", "verified_by"})
UNDECLARED = "is no field of the record"


class Teller(NamedTuple):
    """Who says something about whom, when, and how sure it is."""

    ref: Ref
    event_key: str
    source: str
    occurred_at: datetime
    known_at: datetime
    verified_by: str | None = None
    reason: str | None = None


def facts_in(
    cause: Envelope, touchpoint: Touchpoint, ref: Ref, rules: FieldRules, keyring: Keyring
) -> list[Fact]:
    """What the touchpoint tells about whom `ref` names; raises `CannotOpen`."""
    read = _READERS.get(cause.type)
    if read is None:
        return []
    teller = Teller(
        ref,
        cause.event_key,
        cause.source,
        cause.occurred_at,
        cause.recorded_at,
        touchpoint.body.get("verified_by"),
    )
    return list(read(teller, touchpoint, rules, keyring))


def tell(
    teller: Teller, name: str, said: str, rules: FieldRules, keyring: Keyring, *, item: str = ""
) -> Fact:
    """The fact that `said` is of the field `name`; with a flaw where it can't be."""
    field = rules.fields.get(name)
    try:
        if field is None:
            raise NoValue(UNDECLARED)
        value = in_form(said, field, on=teller.occurred_at.date())
    except NoValue as flaw:
        sealed = keyring.seal(name, said)
        return _fact(teller, Slot(name, item), value=sealed, flaw=str(flaw))
    return _in_place(teller, name, value, field, keyring)


def take_away(teller: Teller, slot: Slot) -> Fact:
    """The fact that nothing is to stand in this place of the record."""
    return _fact(teller, slot, value="")


def _in_place(teller: Teller, name: str, value: str, field: FieldPolicy, keyring: Keyring) -> Fact:
    if not field.personal:
        return _fact(teller, Slot(name, value if field.merge == "collect" else ""), value=value)
    # upper and lower case are one name, and a search finds either
    token = keyring.token(name, value.casefold())
    return _fact(
        teller,
        Slot(name, token if field.merge == "collect" else ""),
        value=keyring.seal(name, value),
        token=token,
        shared=month_and_day(value) if field.shares == "month_and_day" else None,
    )


def _fact(
    teller: Teller,
    slot: Slot,
    *,
    value: str,
    token: str | None = None,
    shared: str | None = None,
    flaw: str | None = None,
    ends_at: datetime | None = None,
) -> Fact:
    return Fact(
        ref=teller.ref,
        slot=slot,
        event_key=teller.event_key,
        value=value,
        token=token,
        shared=shared,
        source=teller.source,
        verified_by=teller.verified_by,
        flaw=flaw,
        occurred_at=teller.occurred_at,
        known_at=teller.known_at,
        ends_at=ends_at,
        reason=teller.reason,
    )


def _details(
    teller: Teller, touchpoint: Touchpoint, rules: FieldRules, keyring: Keyring
) -> Iterator[Fact]:
    given: dict[str, str | list[str]] = {
        name: said for name, said in touchpoint.body.items() if name not in NOT_FIELDS
    }
    for name, sealed in touchpoint.sealed.items():
        opened = keyring.open(name, sealed)
        given.update(orjson.loads(opened) if name == "more" else {name: opened})
    for name, said in sorted(given.items()):
        several = said if isinstance(said, list) else [said]
        for number, one in enumerate(several):
            # only flawed ones are told apart by their number: others by what they are
            yield tell(teller, name, one, rules, keyring, item=str(number))


def _consent(
    teller: Teller, touchpoint: Touchpoint, rules: FieldRules, keyring: Keyring
) -> Iterator[Fact]:
    body = touchpoint.body
    yield _fact(
        teller,
        Slot(CONSENTS, f"{body['contact_channel']}/{body['purpose'].casefold()}"),
        value=GRANTED if body["granted"] else REFUSED,
        ends_at=_instant(body, "expires_at") if body["granted"] else None,
    )


def _opt_out(
    teller: Teller, touchpoint: Touchpoint, rules: FieldRules, keyring: Keyring
) -> Iterator[Fact]:
    purpose = touchpoint.body["purpose"].casefold()
    yield _fact(teller, Slot(CONSENTS, f"sms/{purpose}"), value=REFUSED)


def _contract(
    teller: Teller, touchpoint: Touchpoint, rules: FieldRules, keyring: Keyring
) -> Iterator[Fact]:
    body = touchpoint.body
    yield _fact(
        teller,
        Slot(CONTRACTS, body["contract"]),
        value=body["change"],
        ends_at=_instant(body, "ends_at"),
    )


def _instant(body: Mapping[str, str], name: str) -> datetime | None:
    return from_text(body[name], name=name) if body.get(name) else None


_READERS: Mapping[str, Callable[[Teller, Touchpoint, FieldRules, Keyring], Iterator[Fact]]] = {
    DetailsGiven.type: _details,
    ConsentChanged.type: _consent,
    SmsOptedOut.type: _opt_out,
    ContractChanged.type: _contract,
}
"""The touchpoints that tell something about the record; all others only happen."""
