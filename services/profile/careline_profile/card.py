"""A customer as it is shown: numbers, identities, contacts and the record, now or as it was."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import NamedTuple

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_profile import queries
from careline_profile.in_force import InForceAt
from careline_profile.model import Ref, Reminder
from careline_profile.record.model import Fact
from careline_profile.record.queries import (
    all_standing_reminders,
    close_the_past,
    facts_of,
    standing_reminders,
)
from careline_profile.record.rules.fold import changes, fold, known
from careline_profile.record.views import ChangeView, RecordView, history_view, record_view
from careline_profile.rules import kind_of
from careline_profile.rules.past import as_known, owner_of
from careline_profile.timeline.model import Contacts
from careline_profile.timeline.queries import touchpoints_by_channel
from careline_runtime.clock import Now
from careline_runtime.database import Connect
from careline_runtime.unit_of_work import Work


class IdentityView(BaseModel):
    """One identity, without its value."""

    kind: str
    identity: str
    since: datetime


class ContactsView(BaseModel):
    """When and how often the customer was in touch, counted up to `as_of`."""

    source_channel: str | None
    """Where the first contact was."""
    first_contact_at: datetime | None
    last_contact_at: datetime | None
    touchpoints: dict[str, int]
    """By channel."""


class ReminderView(BaseModel):
    """A cause to look at the record again."""

    reminder: str
    cause: str
    reference: str | None
    raised_at: datetime


class ReminderOfCustomer(ReminderView):
    """The same, on a list."""

    customer: str
    account_manager: str | None


class CustomerView(ContactsView):
    """A customer, as it is now or as it was."""

    customer: str
    requested: str
    """What was asked for: an absorbed number, perhaps."""
    merged_into: str | None
    """Where `requested` went, when it is an absorbed number."""
    version: int | None
    """None in an answer about what was known: how often it was changed until then isn't kept."""
    created_at: datetime
    aliases: list[str]
    identities: list[IdentityView]
    record: RecordView
    reminders: list[ReminderView]
    """Why the account manager is to look at the record again, oldest first.

    They are as they are now. An answer about what was known has none, and no contacts.
    """


class HistoryView(BaseModel):
    """How the record of a customer came to be."""

    customer: str
    changes: list[ChangeView]


class FutureUnknown(ValueError):
    """Somebody asks what will be known."""


class Instant(NamedTuple):
    """What was so at `as_of`, as far as it was known at `known_at`; None is now."""

    as_of: datetime | None = None
    known_at: datetime | None = None


NOW = Instant()


class Cards:
    """Customers as they are shown."""

    def __init__(self, connect: Connect, work: Work, in_force_at: InForceAt, now: Now) -> None:
        self._connect, self._work = connect, work
        self._in_force_at, self._now = in_force_at, now

    async def customer(self, number: str, at: Instant = NOW) -> CustomerView | None:
        """The customer with this number, None if there is none."""
        if at.known_at is not None:
            return await self._customer_as_known(number, at.as_of, at.known_at)
        async with self._connect() as connection:
            customer = await queries.customer(connection, number)
            if customer is None:
                return None
            identities = await queries.identities(connection, customer.number)
            refs = [ref for ref, _ in identities]
            facts = await facts_of(connection, refs)
            reminders = await standing_reminders(connection, refs)
            contacts = await touchpoints_by_channel(connection, refs, until=at.as_of)
        return CustomerView(
            customer=customer.number,
            requested=number,
            merged_into=customer.number if customer.number != number else None,
            version=customer.version,
            created_at=customer.created_at,
            aliases=customer.aliases,
            identities=_identities(identities),
            record=self._record(facts, at),
            reminders=[reminder_view(one) for one in reminders],
            **_contacts(contacts).model_dump(),
        )

    async def _customer_as_known(
        self, number: str, as_of: datetime | None, known_at: datetime
    ) -> CustomerView | None:
        """The customer whom a number led to then, as far as was known; the answer stays."""
        async with self._knowing(known_at) as connection:
            present = await queries.customer(connection, number)
            if present is None:
                return None
            memberships = await queries.memberships(connection, present.number)
            owner = owner_of(number, memberships, known_at)
            if owner is None:
                return None
            if owner != present.number:
                memberships = await queries.memberships(connection, owner)
            past = as_known(owner, memberships, known_at)
            facts = await facts_of(connection, [member.ref for member in past.members])
            created_at = await queries.created_at(connection, owner)
        return CustomerView(
            customer=owner,
            requested=number,
            merged_into=owner if owner != number else None,
            version=None,
            created_at=created_at,
            aliases=past.aliases,
            identities=_identities((member.ref, member.since) for member in past.members),
            record=self._record(facts, Instant(as_of, known_at)),
            reminders=[],
            **_contacts([]).model_dump(),
        )

    async def history(self, number: str, *, field: str | None = None) -> HistoryView | None:
        """How the customer's record came to be, None if there is no such customer."""
        async with self._connect() as connection:
            customer = await queries.customer(connection, number)
            if customer is None:
                return None
            identities = await queries.identities(connection, customer.number)
            facts = await facts_of(connection, [ref for ref, _ in identities])
        rules = self._in_force_at(self._now()).fields
        found = [c for c in changes(facts, rules) if field in {None, c.slot.field}]
        return HistoryView(customer=customer.number, changes=history_view(found, rules))

    async def reminders(self, manager: str | None, *, limit: int) -> list[ReminderOfCustomer]:
        """The oldest that stand, of one account manager or of all."""
        async with self._connect() as connection:
            standing = await all_standing_reminders(
                connection, account_manager=manager, limit=limit
            )
        return [
            ReminderOfCustomer(
                **reminder_view(one).model_dump(), customer=number, account_manager=named
            )
            for number, named, one in standing
        ]

    async def number_of(self, ref: str) -> str | None:
        """The customer who has an identity."""
        async with self._connect() as connection:
            return await queries.customer_of(connection, ref)

    def _record(self, facts: list[Fact], at: Instant) -> RecordView:
        # what was answered stays so: by the policy of then
        rules = self._in_force_at(at.known_at or self._now()).fields
        record = fold(known(facts, as_of=at.as_of, known_at=at.known_at), rules)
        return record_view(record, rules, as_of=at.as_of or at.known_at or self._now())

    @asynccontextmanager
    async def _knowing(self, known_at: datetime) -> AsyncIterator[AsyncConnection]:
        """A connection on which all that was known at an instant is seen, and stays so."""
        if known_at > self._now():
            raise FutureUnknown("known_at lies in the future: more may become known until then")
        async with self._work() as unit:
            await close_the_past(unit.connection, known_at)
            yield unit.connection


def _identities(identities: Iterable[tuple[Ref, datetime]]) -> list[IdentityView]:
    return [IdentityView(kind=kind_of(ref), identity=ref, since=since) for ref, since in identities]


def reminder_view(reminder: Reminder) -> ReminderView:
    """The reminder as it is shown."""
    return ReminderView(
        reminder=reminder.key,
        cause=reminder.cause,
        reference=reminder.reference,
        raised_at=reminder.raised_at,
    )


def _contacts(rows: list[Contacts]) -> ContactsView:
    earliest = min(rows, key=lambda c: (c.first_at, c.channel), default=None)
    return ContactsView(
        source_channel=earliest.channel if earliest else None,
        first_contact_at=earliest.first_at if earliest else None,
        last_contact_at=max((c.last_at for c in rows), default=None),
        touchpoints={c.channel: c.touchpoints for c in rows},
    )
