"""A customer's calendar as of an instant: the next contact, what comes, what is to be done."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from careline_engagement.model import Entry, Family
from careline_engagement.policy.steps import Assign, Obligation, Task
from careline_engagement.rules import moments, owners
from careline_engagement.rules.book import Book
from careline_engagement.rules.handling import handling_of


class Open(NamedTuple):
    """Something that somebody has to do by a deadline."""

    due_at: datetime
    case: str
    playbook: str
    step: str
    owner: str | None
    """Who looks after the customer then; None if it is asked of another role."""
    what: str
    """What is asked of a person, in words; empty where nobody is asked in particular."""


class Agenda(NamedTuple):
    """What is planned for a customer."""

    customer: str
    tier: str | None
    handling: Sequence[str]
    """Special care (TAG-4)."""
    account_manager: str | None
    owner: str | None
    """Who looks after the customer now: a deputy, while the account manager is away."""
    last_contact_at: datetime | None
    next_contact_at: datetime | None
    next_contact_by: str | None
    """Who looks after the customer then."""
    coming: Sequence[Entry]
    open: Sequence[Open]


def agenda_of(family: Family, as_of: datetime, book: Book) -> Agenda:
    """The calendar of a customer, under its present number."""
    number = family.root
    due_at = moments.next_contact(family, number, as_of, book)
    return Agenda(
        number,
        family.verdict(number, "tier", as_of),
        handling_of(family, number, as_of),
        family.attribute(number, owners.MANAGER, as_of),
        owners.owner_of(family, number, as_of),
        moments.last_contact(family, number, as_of, book),
        due_at,
        owners.owner_of(family, number, max(due_at, as_of)) if due_at else None,
        sorted(
            # when a contact is due is said already; its entries only look again then
            (entry for entry in family.entries if entry.trigger != moments.CONTACT_DUE),
            key=lambda entry: entry.at,
        ),
        sorted(_open(family, as_of, book)),
    )


def _open(family: Family, as_of: datetime, book: Book) -> list[Open]:
    return [
        Open(
            step.due_at,
            case.id,
            case.playbook,
            name,
            owners.owner_of(family, family.root, max(step.due_at, as_of))
            if not isinstance(asked, Assign | Task) or asked.to == owners.MANAGER
            else None,
            asked.what if isinstance(asked, Task) else "",
        )
        for case in family.cases
        if case.is_open
        for name, step in case.steps.items()
        if isinstance(asked := book.playbook_of(case).by_name.get(name), Obligation)
        and step.due_at is not None
        and step.done_at is None
    ]
