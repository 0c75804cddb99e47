"""What profile says: an event's activity, every change of who is who, customers as they are."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import assert_never, cast

from careline_contracts.envelope import Envelope
from careline_contracts.events.ingest import Touchpoint
from careline_contracts.events.profile import (
    IDENTITIES,
    Activity,
    CustomerAbsorbed,
    CustomerCreated,
    CustomersMerged,
    CustomersSplit,
    CustomerState,
    IdentityLinked,
    LinkJudged,
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
    Judged,
    Linked,
    LookedAt,
    Merged,
    RecordChanged,
    Refused,
    Reminded,
    Split,
)
from careline_profile.rules import kind_of, link_name
from careline_runtime.unit_of_work import Unit

ChangeEvent = (
    CustomerCreated
    | IdentityLinked
    | CustomersMerged
    | CustomerAbsorbed
    | CustomersSplit
    | MergeRefused
    | LinkJudged
    | RecordFieldsChanged
    | RecordReviewRequested
    | RecordReviewed
)

WORDS: dict[type[ChangeEvent], str] = {
    CustomerCreated: "created",
    IdentityLinked: "linked",
    CustomersMerged: "merged",
    CustomerAbsorbed: "absorbed",
    CustomersSplit: "split",
    MergeRefused: "refused",
    LinkJudged: "judged",
    RecordFieldsChanged: "record",
    RecordReviewRequested: "reminded",
    RecordReviewed: "looked-at",
}
"""What a change is called in its id; a customer has one change of each version."""

MOVING = (CustomersMerged, CustomersSplit)
"""Said on `activities` as well: services that keep facts follow."""
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
    """Says all that this event means; what moves identities before the activity."""
    if attachment.changes:
        announce_changes(
            unit,
            attachment.changes,
            graph,
            attributes=attributes,
            at=cause.recorded_at,
            cause=cause,
        )
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
    *,
    attributes: Attributes,
    at: datetime,
    cause: Envelope | None = None,
    by: str = "",
) -> None:
    """Says each change under every number that it concerns, then these customers as they are."""
    changed: dict[str, None] = {}
    for change in changes:
        for event in _events(change, by):
            topics = (CUSTOMER_CHANGES, ACTIVITIES) if isinstance(event, MOVING) else ()
            for topic in topics or (CUSTOMER_CHANGES,):
                _say(unit, topic, event, WORDS[type(event)], at, cause)
            changed[event.customer] = None
    for number in changed:
        state = _state(graph.customers[number], attributes)
        is_bare = not state.attributes and all(isinstance(c, Created | Linked) for c in changes)
        _say(unit, CUSTOMERS, state, "state", at, cause, IDENTITIES if is_bare else "")


def _events(change: Change, by: str) -> Iterator[ChangeEvent]:
    match change:
        case Created(customer, version, _):
            yield CustomerCreated(customer=customer, version=version)
        case Linked(customer, version, identity):
            yield IdentityLinked(
                customer=customer,
                version=version,
                kind=cast(IdentityKind, kind_of(identity)),
                identity=identity,
            )
        case Merged(customer, version, absorbed, absorbed_version, moves):
            yield CustomerAbsorbed(customer=absorbed[0], version=absorbed_version, into=customer)
            yield CustomersMerged(
                customer=customer, version=version, absorbed=absorbed, moves=moves
            )
        case Split(parts, redirected, moves):
            numbers = tuple(part.customer for part in parts)
            for number, version in parts:
                yield CustomersSplit(customer=number, version=version, parts=numbers, moves=moves)
            for number, version, into in redirected:
                yield CustomerAbsorbed(customer=number, version=version, into=into)
        case Refused(customer, version, other, link, held):
            yield MergeRefused(
                customer=customer,
                version=version,
                other=other,
                reason=held.reason,
                kind=cast(IdentityKind | None, held.kind),
                link=link_name(link),
            )
        case Judged(customer, version, other, link, verdict, was_held):
            yield LinkJudged(
                customer=customer,
                version=version,
                other=other,
                link=link_name(link),
                verdict="approved" if verdict.is_one else "refused" if was_held else "cut",
                by=by,
            )
        case RecordChanged() | Reminded() | LookedAt():
            yield _about_the_record(change)
        case _:
            assert_never(change)


def _state(customer: Customer, attributes: Attributes) -> CustomerState:
    return CustomerState(
        customer=customer.number,
        version=customer.version,
        identities=dict(Counter(map(kind_of, sorted(customer.refs)))),
        attributes=attributes(customer),
        aliases=tuple(sorted(customer.aliases)),
        created_at=customer.created_at,
        merged_into=customer.merged_into,
    )


def _say(
    unit: Unit,
    topic: Topic,
    payload: ChangeEvent | CustomerState,
    word: str,
    at: datetime,
    cause: Envelope | None,
    subject: str = "",
) -> None:
    unit.say(
        topic,
        payload,
        key=payload.customer,
        id=f"{payload.customer}-{payload.version}-{word}",
        recorded_at=at,
        cause=cause,
        subject=subject,
    )


def _about_the_record(change: RecordChanged | Reminded | LookedAt) -> ChangeEvent:
    match change:
        case RecordChanged(customer, version, fields):
            return RecordFieldsChanged(customer=customer, version=version, fields=fields)
        case Reminded(customer, version, reminder, manager):
            return RecordReviewRequested(
                customer=customer,
                version=version,
                review=reminder.key,
                cause=cast(ReviewCause, reminder.cause),
                reference=reminder.reference,
                account_manager=manager,
            )
        case LookedAt(customer, version, key, who):
            return RecordReviewed(customer=customer, version=version, review=key, by=who)
