"""Events of erased identities: what happened before is dropped, what comes after is a new customer.

A telephone number lives on, with the same person or another. So an erased identity is not refused
for ever: what happens after the erasure has another name, and with it another customer number, and
nothing leads from the one to the other. Both sides of the instant hold in any order of arrival.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from careline_contracts.envelope import Envelope, to_text
from careline_contracts.events.ingest import Touchpoint
from careline_profile import rules
from careline_profile.erasure import store
from careline_profile.erasure.store import Left
from careline_profile.in_force import InForceAt
from careline_profile.model import Ref
from careline_runtime.batch import Heard
from careline_runtime.erasure import count_dropped
from careline_runtime.keyring import Keyring
from careline_runtime.unit_of_work import Unit


def next_ref(ref: Ref, erased_at: datetime, keyring: Keyring) -> Ref:
    """The name of an identity after its erasure: as keyed as the one before, and another."""
    kind, _, token = ref.partition(":")
    return keyring.reference(kind, f"{token} erased {to_text(erased_at)}")


async def whoever_stays(unit: Unit, heard: Sequence[Heard], in_force_at: InForceAt) -> list[Heard]:
    """The touchpoints that still have a customer; those of erased ones are counted.

    The unit must `share`.
    """
    refs = {identity.ref for item in heard for identity in _touchpoint(item).identities}
    left = await store.left_of(unit.connection, refs)
    if not left:
        return list(heard)
    staying = [
        item if after is item.payload else item._replace(payload=after)
        for item in heard
        if (after := as_it_counts(_touchpoint(item), item.envelope, left, in_force_at))
    ]
    if len(staying) < len(heard):
        count_dropped(unit, len(heard) - len(staying))
    return staying


def as_it_counts(
    touchpoint: Touchpoint, cause: Envelope, left: Mapping[Ref, Left], in_force_at: InForceAt
) -> Touchpoint | None:
    """The touchpoint under the names that its identities have by then; None if it is of one erased.

    Identities that link nobody, as the tablet of a family, decide nothing here either.
    """
    refs = [identity.ref for identity in touchpoint.identities]
    if left.keys().isdisjoint(refs):
        return touchpoint
    counting = rules.usable(refs, in_force_at(cause.recorded_at).links)
    if any(ref in left and cause.occurred_at <= left[ref].until for ref in counting):
        return None
    renamed = [
        identity.model_copy(update={"token": left[identity.ref].next_ref.partition(":")[2]})
        if identity.ref in left
        else identity
        for identity in touchpoint.identities
    ]
    return touchpoint.model_copy(update={"identities": tuple(renamed)})


def _touchpoint(item: Heard) -> Touchpoint:
    assert isinstance(item.payload, Touchpoint)
    return item.payload
