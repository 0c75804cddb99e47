"""What profile says about an event: its activity, every change it caused, customers as they are."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import assert_never, cast

from careline_contracts.envelope import Envelope
from careline_contracts.events.ingest import Touchpoint
from careline_contracts.events.profile import (
    Activity,
    CustomerCreated,
    CustomersMerged,
    CustomerState,
    IdentityLinked,
    MergeRefused,
    RecordFieldsChanged,
    RecordReviewed,
    RecordReviewRequested,
    ReviewCause,
)
from careline_contracts.events.touchpoints import IdentityKind
from careline_contracts.topics import ACTIVITIES, CUSTOMER_CHANGES, CUSTOMERS, Topic
from careline_profile.model import (
    Attachment,
    Change,
    Created,
    Customer,
    Graph,
    Linked,
    LookedAt,
    Merged,
    RecordChanged,
    Refused,
    Reminded,
)
from careline_profile.rules import kind_of
from careline_runtime.unit_of_work import Unit

Attributes = Callable[[Customer], dict[str, str | tuple[str, ...]]]
"""What other services may know of a customer's record."""


def announce(
    unit: Unit,
    attachment: Attachment,
    graph: Graph,
    touchpoint: Touchpoint,
    cause: Envelope,
    *,
    attributes: Attributes,
) -> None:
    """Says all that this event means; a merge before the activity, which it moves."""
    announce_changes(unit, attachment.changes, graph, cause, attributes=attributes)
    unit.say(
        ACTIVITIES,
        Activity(
            customer=attachment.customer,
            identity=attachment.identity,
            channel=touchpoint.channel,
            body=touchpoint.body,
        ),
        key=attachment.customer,
        id=cause.event_key,
        type=cause.type,
        recorded_at=cause.recorded_at,
        occurred_at=cause.occurred_at,
        cause=cause,
    )


def announce_changes(
    unit: Unit,
    changes: Sequence[Change],
    graph: Graph,
    cause: Envelope,
    *,
    attributes: Attributes,
) -> None:
    """Says each change, then every customer that changed as it is now."""
    for change in changes:
        _say_change(unit, change, cause)
    for number in _changed(changes):
        _say_state(unit, graph.customers[number], attributes, cause)


def _say_change(unit: Unit, change: Change, cause: Envelope) -> None:
    customer, version = change.customer, change.version
    match change:
        case Created():
            _say(unit, CustomerCreated(customer=customer, version=version), "created", cause)
        case Linked(identity=identity):
            linked = IdentityLinked(
                customer=customer,
                version=version,
                kind=cast(IdentityKind, kind_of(identity)),
                identity=identity,
            )
            _say(unit, linked, "linked", cause)
        case Merged(absorbed=absorbed):
            merged = CustomersMerged(customer=customer, version=version, absorbed=absorbed)
            _say(unit, merged, "merged", cause)
            _say(unit, merged, "merged", cause, topic=ACTIVITIES)
        case Refused(other=other, reason=reason, kind=kind):
            refused = MergeRefused(
                customer=customer,
                version=version,
                other=other,
                reason=reason,
                kind=cast(IdentityKind | None, kind),
            )
            _say(unit, refused, "refused", cause)
        case RecordChanged(fields=fields):
            record = RecordFieldsChanged(customer=customer, version=version, fields=fields)
            _say(unit, record, "record", cause)
        case Reminded(reminder=reminder, account_manager=manager):
            asked = RecordReviewRequested(
                customer=customer,
                version=version,
                review=reminder.key,
                cause=cast(ReviewCause, reminder.cause),
                reference=reminder.reference,
                account_manager=manager,
            )
            _say(unit, asked, "reminded", cause)
        case LookedAt(reminder=key, by=by):
            done = RecordReviewed(customer=customer, version=version, review=key, by=by)
            _say(unit, done, "looked-at", cause)
        case _:
            assert_never(change)


def _say_state(unit: Unit, customer: Customer, attributes: Attributes, cause: Envelope) -> None:
    state = CustomerState(
        customer=customer.number,
        version=customer.version,
        identities=dict(Counter(map(kind_of, sorted(customer.refs)))),
        attributes=attributes(customer),
        aliases=tuple(sorted(customer.aliases)),
        created_at=customer.created_at,
        merged_into=customer.merged_into,
    )
    _say(unit, state, "state", cause, topic=CUSTOMERS)


def _say(
    unit: Unit,
    payload: CustomerCreated
    | IdentityLinked
    | CustomersMerged
    | MergeRefused
    | RecordFieldsChanged
    | RecordReviewRequested
    | RecordReviewed
    | CustomerState,
    word: str,
    cause: Envelope,
    *,
    topic: Topic = CUSTOMER_CHANGES,
) -> None:
    unit.say(
        topic,
        payload,
        key=payload.customer,
        id=f"{payload.customer}-{payload.version}-{word}",
        recorded_at=cause.recorded_at,
        cause=cause,
    )


def _changed(changes: Sequence[Change]) -> list[str]:
    """The customers whose version moved, each once, in the order in which it happened."""
    numbers: dict[str, None] = {}
    for change in changes:
        if isinstance(change, Merged):
            numbers[change.absorbed[0]] = None
        numbers[change.customer] = None
    return list(numbers)
