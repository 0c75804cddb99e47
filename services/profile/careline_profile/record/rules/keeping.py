"""What becomes of a customer when an event tells something about them."""

from collections.abc import Sequence, Set

from careline_profile.model import (
    AboutTheRecord,
    Customer,
    RecordChanged,
    Ref,
    Reminded,
    Reminder,
)
from careline_profile.record.model import Book, Fact, Slot
from careline_profile.record.rules.fold import FieldRules, attributes, differing, fold

ACCOUNT_MANAGER = "account_manager"
"""The field that names who answers for a customer; a policy may leave it out."""


def take_in(
    told: Sequence[Fact], customer: Customer, book: Book, rules: FieldRules
) -> tuple[AboutTheRecord, ...]:
    """Brings `book` up to date; a record that reads otherwise by it is a change of the customer."""
    before = fold(book.about(customer.refs), rules)
    book.add(told)
    fields = differing(before, fold(book.about(customer.refs), rules))
    if not fields:
        return ()
    customer.version += 1
    return (RecordChanged(customer.number, customer.version, fields),)


def remind(
    reminder: Reminder, customer: Customer, book: Book, rules: FieldRules
) -> tuple[AboutTheRecord, ...]:
    """The account manager, as the record names them now, is to look at it again."""
    manager = fold(book.about(customer.refs), rules).get(Slot(ACCOUNT_MANAGER))
    customer.version += 1
    who = manager.value if manager else None
    return (Reminded(customer.number, customer.version, reminder, who),)


def share_anew(
    ref: Ref, customer: Customer, book: Book, rules: FieldRules, *, fields: Set[str]
) -> tuple[AboutTheRecord, ...]:
    """Others are to know of these fields what they may know now: said once for a customer, at the
    first of the identities under which something lies about them."""
    about = {fact.ref: None for fact in book.about(customer.refs) if fact.slot.field in fields}
    if not about or ref != min(about):
        return ()
    customer.version += 1
    held = {slot.field for slot in fold(book.about(customer.refs), rules)}
    return (RecordChanged(customer.number, customer.version, tuple(sorted(held & fields))),)


def shared(customer: Customer, book: Book, rules: FieldRules) -> dict[str, str | tuple[str, ...]]:
    """What other services may know of the customer's record."""
    return attributes(fold(book.about(customer.refs), rules), rules)
