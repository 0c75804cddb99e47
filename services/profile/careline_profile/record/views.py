"""How the record looks to those who ask: every value with its source; personal ones not at all."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel

from careline_profile.record.model import CONSENTS, CONTRACTS, Fact, FieldChange, Record
from careline_profile.record.rules.fold import FieldRules
from careline_profile.record.telling import GRANTED


class Origin(BaseModel):
    """Where a value comes from."""

    source: str
    """The CloudEvents source that said it, or `staff:` and who put it in."""
    verified_by: str | None
    occurred_at: datetime
    """When it was true, as far as its source says."""
    known_at: datetime
    event: str


class ValueView(Origin):
    """A value of a field."""

    value: str | None
    """None where the field is personal: a protected read shows it."""
    is_personal: bool


class ConsentView(Origin):
    """Whether the customer may be contacted through a channel for a purpose."""

    channel: str
    purpose: str
    is_granted: bool
    """As of the instant that was asked for: a consent that has ended is none."""
    expires_at: datetime | None


class ContractView(Origin):
    """The last that is known of a contract."""

    contract: str
    change: str
    ends_at: datetime | None


class RecordView(BaseModel):
    """The record of a customer."""

    fields: dict[str, list[ValueView]]
    consents: list[ConsentView]
    contracts: list[ContractView]


class ChangeView(BaseModel):
    """One change of the record: what, from, to, by whom, when true and when known."""

    field: str
    item: str | None
    """Which of several values of the field; None where there is one, or where it is personal."""
    before: str | None
    after: str | None
    """None where there is no value, and where the field is personal."""
    is_personal: bool
    is_new: bool
    """There was no value before."""
    is_gone: bool
    """The value was taken away."""
    by: Origin


def record_view(record: Record, rules: FieldRules, *, as_of: datetime) -> RecordView:
    """The record as of an instant."""
    fields: dict[str, list[ValueView]] = {}
    consents, contracts = [], []
    for slot, fact in record.items():
        origin = _origin(fact)
        if slot.field == CONSENTS:
            channel, _, purpose = slot.item.partition("/")
            in_time = fact.ends_at is None or as_of < fact.ends_at
            consents.append(
                ConsentView(
                    **origin,
                    channel=channel,
                    purpose=purpose,
                    is_granted=fact.value == GRANTED and in_time,
                    expires_at=fact.ends_at,
                )
            )
        elif slot.field == CONTRACTS:
            contracts.append(
                ContractView(**origin, contract=slot.item, change=fact.value, ends_at=fact.ends_at)
            )
        else:
            personal = rules.fields[slot.field].personal
            value = None if personal else fact.value
            view = ValueView(**origin, value=value, is_personal=personal)
            fields.setdefault(slot.field, []).append(view)
    return RecordView(fields=fields, consents=consents, contracts=contracts)


def history_view(changes: Sequence[FieldChange], rules: FieldRules) -> list[ChangeView]:
    """The changes, in the order in which they became known."""
    return [_change_view(change, rules) for change in changes]


def _change_view(change: FieldChange, rules: FieldRules) -> ChangeView:
    personal = rules.fields[change.slot.field].personal
    return ChangeView(
        field=change.slot.field,
        item=None if personal else change.slot.item or None,
        before=None if personal or change.before is None else change.before.value,
        after=None if personal or change.after is None else change.after.value,
        is_personal=personal,
        is_new=change.before is None,
        is_gone=change.after is None,
        by=Origin(**_origin(change.cause)),
    )


def _origin(fact: Fact) -> dict[str, object]:
    return {
        "source": fact.source,
        "verified_by": fact.verified_by,
        "occurred_at": fact.occurred_at,
        "known_at": fact.known_at,
        "event": fact.event_key,
    }
