"""Brings customers' tickets forward, event by event and instant by instant, and says what changed.

Before an event counts, everything that was due by then has happened; so what is said depends on
the events alone, not on how they were batched, or on whether a timer or an event came first.
"""

from bisect import insort
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from careline_calendar.working import MOMENT
from careline_contracts.events.ticketing import TicketMerged, TicketMoved
from careline_ticketing.model import Fact, Said, Ticket
from careline_ticketing.policy import InForceAt
from careline_ticketing.rules.alarms import next_after, told_at
from careline_ticketing.rules.changes import Change, breached, changes
from careline_ticketing.rules.reading import Reading

BEFORE_ALL = datetime(1, 1, 1, tzinfo=UTC)
FAR_AWAY = datetime(9999, 1, 1, tzinfo=UTC)


class Decision(NamedTuple):
    """A ticket as it is now, and the changes that made it so; the last one has `said.version`."""

    said: Said
    changes: Sequence[Change]
    as_of: datetime
    recorded_at: datetime
    by_time: bool = False
    """Nothing happened but that a promise fell due."""


class Customer:
    """One customer's facts, and what was said about the tickets that they make."""

    def __init__(self, number: str, desk: "Desk", as_of: datetime = BEFORE_ALL) -> None:
        self.number = number
        self.as_of = as_of
        self.said: dict[str, Said] = {}
        self._desk = desk
        self.facts: list[Fact] = []
        self._reading: Reading | None = None
        self._next_due: dict[str, tuple[Ticket, datetime | None]] = {}

    def knows(self, facts: Iterable[Fact]) -> None:
        """Facts that were heard before."""
        self.facts = sorted({*self.facts, *facts})
        self._reading = None

    def hear(self, fact: Fact, *, recorded_at: datetime) -> list[Decision]:
        """A new fact, recorded at that instant."""
        as_of = max(self.as_of, recorded_at, fact.occurred_at)
        decisions = self.catch_up(as_of)
        if self._reading is not None and (not self.facts or self.facts[-1] < fact):
            self._reading.read(fact)
        else:
            self._reading = None
        insort(self.facts, fact)
        return decisions + self._decide(as_of, recorded_at)

    def catch_up(self, until: datetime) -> list[Decision]:
        """Everything that time alone brings about up to `until`, each at its own instant."""
        decisions: list[Decision] = []
        while (instant := self._next_instant()) is not None and instant <= until:
            due = [id for id in sorted(self.said) if self.next_due(id) == instant]
            self.as_of = instant
            for said in [self.said[id] for id in due]:
                told = changes(said, said.ticket, instant)
                told += told_at(said.ticket, instant, self._desk.in_force_at)
                decision = self._say(said.ticket, told, instant - MOMENT, instant - MOMENT)
                decisions.append(decision._replace(by_time=True))
        self.as_of = max(self.as_of, until)
        return decisions

    def unite(self, others: Sequence["Customer"], *, recorded_at: datetime) -> list[Decision]:
        """`others` turn out to be this customer: facts are united, tickets keep their numbers."""
        everyone = (self, *others)
        as_of = max(recorded_at, *(customer.as_of for customer in everyone))
        decisions = [one for customer in everyone for one in customer.catch_up(as_of)]
        for other in others:
            self.said.update(other.said)
            self.knows(other.facts)
        return decisions + self._decide(as_of, recorded_at)

    def settle(self, as_of: datetime, recorded_at: datetime) -> list[Decision]:
        """Reads anew, after facts came from or went to other customers."""
        self._reading, self.as_of = None, as_of
        return self._decide(as_of, recorded_at)

    def next_due(self, ticket_id: str) -> datetime | None:
        """When time alone next changes this ticket."""
        said = self.said[ticket_id]
        if said.merged_into is not None:
            return None
        ticket, known = said.ticket, self._next_due.get(ticket_id)
        # what comes next stays so until it has come, or the ticket is another
        if known is None or known[0] is not ticket or (known[1] or FAR_AWAY) <= self.as_of:
            known = (ticket, next_after(ticket, self.as_of, self._desk.in_force_at))
            self._next_due[ticket_id] = known
        return known[1]

    def _next_instant(self) -> datetime | None:
        dues = (self.next_due(id) for id in self.said)
        return min((due for due in dues if due is not None), default=None)

    def _decide(self, as_of: datetime, recorded_at: datetime) -> list[Decision]:
        if self._reading is None:
            self._reading = Reading(self.facts, self._desk.in_force_at)
        found = self._reading.tickets
        decisions = []
        for ticket in found:
            said = self.said.get(ticket.id)
            if said is not None and said.merged_into is None and said.ticket.steps == ticket.steps:
                # a promise stands as it was given until a fact about its ticket changes
                ticket = said.ticket
            told = self._moved(said) + changes(said, ticket, as_of)
            if told:
                decisions.append(self._say(ticket, told, as_of, recorded_at))
        return decisions + self._merge_tickets(found, as_of, recorded_at)

    def _merge_tickets(
        self, found: Sequence[Ticket], as_of: datetime, recorded_at: datetime
    ) -> list[Decision]:
        """Tickets said before whose opening report has turned out to belong to another ticket."""
        decisions = []
        live = {ticket.id for ticket in found}
        for said in [said for id, said in sorted(self.said.items()) if id not in live]:
            opener = said.ticket.steps[0].key
            into = next((t.id for t in found if any(s.key == opener for s in t.steps)), None)
            told = self._moved(said)
            if into is not None and into != said.merged_into:
                told.append(Change(TicketMerged, {"into": into}))
            if told:
                into = into or said.merged_into
                decisions.append(self._say(said.ticket, told, as_of, recorded_at, into))
        return decisions

    def _moved(self, said: Said | None) -> list[Change]:
        if said is None or said.customer == self.number:
            return []
        return [Change(TicketMoved, {"previous_customer": said.customer})]

    def _say(
        self,
        ticket: Ticket,
        told: Sequence[Change],
        as_of: datetime,
        recorded_at: datetime,
        merged_into: str | None = None,
    ) -> Decision:
        before = self.said.get(ticket.id)
        said = Said(
            ticket=ticket,
            customer=self.number,
            identity=before.identity if before else self._desk.identities[ticket.steps[0].key],
            version=(before.version if before else 0) + len(told),
            breached=tuple(breached(ticket, self.as_of)),
            merged_into=merged_into,
            policy_version=self._desk.in_force_at(as_of).version,
        )
        self.said[ticket.id] = said
        self._desk.said[ticket.id] = said
        return Decision(said, told, as_of, recorded_at)


class Desk:
    """The customers whom a batch touches, and what has become of them since it began."""

    def __init__(self, in_force_at: InForceAt) -> None:
        self.in_force_at = in_force_at
        self.survivors: dict[str, str] = {}
        """Absorbed number → the number that it is now."""
        self.members: dict[str, str] = {}
        """Identity → a number of its customer."""
        self.identities: dict[str, str] = {}
        """Key of a fact → the identity that it is kept under."""
        self.customers: dict[str, Customer] = {}
        self.heard: list[tuple[str, Fact]] = []
        """New facts, each with the identity that it is kept under."""
        self.said: dict[str, Said] = {}
        """Tickets about which something was said."""
        self.fired: list[str] = []

    def customer(self, number: str) -> Customer:
        """The customer who has this number, by birth or by merge."""
        number = self.survivors.get(number, number)
        if number not in self.customers:
            self.customers[number] = Customer(number, self)
        return self.customers[number]

    def hear(
        self, fact: Fact, identity: str, number: str, *, recorded_at: datetime
    ) -> list[Decision]:
        """A fact about whoever has `identity`; `number` is the customer the event names."""
        customer = self.customer(self.members.setdefault(identity, number))
        self.heard.append((identity, fact))
        self.identities[fact.key] = identity
        return customer.hear(fact, recorded_at=recorded_at)

    def unite(
        self, survivor: str, absorbed: Iterable[str], *, recorded_at: datetime
    ) -> list[Decision]:
        """The customers with these numbers are one, `survivor`."""
        one = self.customer(survivor)
        others = {self.customer(number).number for number in absorbed} - {one.number}
        if not others:
            return []
        for number in [*others, *(n for n, s in self.survivors.items() if s in others)]:
            self.survivors[number] = one.number
        united = [self.customers.pop(number) for number in sorted(others)]
        return one.unite(united, recorded_at=recorded_at)

    def settle(self, *, recorded_at: datetime) -> list[Decision]:
        """Facts lie with other customers than before: a ticket goes with what opened it."""
        everyone = [customer for _, customer in sorted(self.customers.items())]
        owners = {fact.key: customer for customer in everyone for fact in customer.facts}
        for customer in everyone:
            for ticket_id, said in sorted(customer.said.items()):
                owner = owners.get(said.ticket.steps[0].key, customer)
                if owner is not customer:
                    owner.said[ticket_id] = customer.said.pop(ticket_id)
        as_of = max([recorded_at, *(customer.as_of for customer in everyone)])
        return [one for customer in everyone for one in customer.settle(as_of, recorded_at)]

    @property
    def as_of(self) -> datetime:
        """The latest instant for which anybody's tickets were decided."""
        return max((customer.as_of for customer in self.customers.values()), default=BEFORE_ALL)

    def fire(self, due: Iterable[tuple[str, datetime]]) -> list[Decision]:
        """The timers of tickets have come to their instants."""
        holders = {id: customer for customer in self.customers.values() for id in customer.said}
        decisions: list[Decision] = []
        for ticket_id, due_at in due:
            if (customer := holders.get(ticket_id)) is not None:
                self.fired.append(ticket_id)
                decisions += customer.catch_up(due_at)
        return decisions

    def catch_up(self, until: datetime) -> list[Decision]:
        """What time brings to the tickets of everyone here up to `until`."""
        customers = sorted(self.customers.items())
        return [decision for _, customer in customers for decision in customer.catch_up(until)]

    def timers(self) -> dict[str, datetime | None]:
        """When each ticket that was touched must be looked at next."""
        touched = {*self.said, *self.fired}
        return {
            ticket_id: customer.next_due(ticket_id)
            for customer in self.customers.values()
            for ticket_id in sorted(touched & customer.said.keys())
        }
