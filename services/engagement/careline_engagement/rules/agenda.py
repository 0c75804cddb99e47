"""A customer's calendar as of an instant: the next contact, what comes, what is to be done."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from careline_engagement.model import Entry, Family
from careline_engagement.policy.steps import Obligation
from careline_engagement.rules import moments
from careline_engagement.rules.book import Book


class Open(NamedTuple):
    """Something that somebody has to do by a deadline."""

    due_at: datetime
    case: str
    playbook: str
    step: str


class Agenda(NamedTuple):
    """What is planned for a customer."""

    customer: str
    tier: str | None
    account_manager: str | None
    last_contact_at: datetime | None
    next_contact_at: datetime | None
    coming: Sequence[Entry]
    open: Sequence[Open]


def agenda_of(family: Family, as_of: datetime, book: Book) -> Agenda:
    """The calendar of a customer, under its present number."""
    number = family.root
    return Agenda(
        number,
        family.verdict(number, "tier", as_of),
        family.attribute(number, "account_manager", as_of),
        moments.last_contact(family, number, as_of, book),
        moments.next_contact(family, number, as_of, book),
        sorted(
            # when a contact is due is said already; its entries only look again then
            (entry for entry in family.entries if entry.trigger != moments.CONTACT_DUE),
            key=lambda entry: entry.at,
        ),
        sorted(_open(family, book)),
    )


def _open(family: Family, book: Book) -> list[Open]:
    return [
        Open(step.due_at, case.id, case.playbook, name)
        for case in family.cases
        if case.is_open
        for name, step in case.steps.items()
        if isinstance(book.playbook_of(case).by_name.get(name), Obligation)
        and step.due_at is not None
        and step.done_at is None
    ]
