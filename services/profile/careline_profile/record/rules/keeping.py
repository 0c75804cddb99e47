"""What becomes of a customer when an event tells something about them."""

from collections.abc import Sequence

from careline_profile.model import Customer, RecordChanged
from careline_profile.record.model import Book, Fact
from careline_profile.record.rules.fold import FieldRules, attributes, differing, fold


def take_in(
    told: Sequence[Fact], customer: Customer, book: Book, rules: FieldRules
) -> tuple[RecordChanged, ...]:
    """Brings `book` up to date; a record that reads otherwise by it is a change of the customer."""
    before = fold(book.about(customer.refs), rules)
    book.add(told)
    fields = differing(before, fold(book.about(customer.refs), rules))
    if not fields:
        return ()
    customer.version += 1
    return (RecordChanged(customer.number, customer.version, fields),)


def shared(customer: Customer, book: Book, rules: FieldRules) -> dict[str, str | tuple[str, ...]]:
    """What other services may know of the customer's record."""
    return attributes(fold(book.about(customer.refs), rules), rules)
