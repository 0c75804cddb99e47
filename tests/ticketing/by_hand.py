"""Stories of customers' problems, a line an event, and who plays them: in memory, or for real."""

import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from careline_contracts.envelope import Envelope
from careline_contracts.events.profile import (
    Activity,
    CustomersMerged,
    CustomersSplit,
    CustomerState,
    Move,
)
from careline_contracts.events.scoring import Tier, TierChanged
from careline_contracts.events.ticketing import (
    AgentState,
    Level,
    Party,
    TicketChange,
    TicketState,
)
from careline_contracts.events.touchpoints import Channel
from careline_contracts.topics import (
    ACTIVITIES,
    AGENTS,
    CUSTOMERS,
    TICKET_CHANGES,
    TICKETS,
    TIER_CHANGES,
)
from careline_runtime.policy import load_policy
from careline_runtime.settings import ServiceSettings
from careline_ticketing import messages
from careline_ticketing.desk import Customer, Decision, Desk
from careline_ticketing.handlers import Handlers
from careline_ticketing.hearing import Ears, news
from careline_ticketing.model import Clock, Fact, Ticket
from careline_ticketing.policy import InForce, InForceAt, Policy
from careline_ticketing.rules.reading import Reading
from tests.runtime.by_hand import StageInTest, fresh_database

LOADED = load_policy(Policy, package="careline_ticketing", settings=ServiceSettings())
POLICY = LOADED.policy

CHANGES: dict[str, type[TicketChange]] = {
    payload.type: payload for payload in TICKET_CHANGES.says if issubclass(payload, TicketChange)
}

MONDAY = datetime(2026, 3, 2, 2, tzinfo=UTC)
"""Ten o'clock in Shanghai, on a working day."""


def at(*, hours: float = 0, minutes: float = 0, days: float = 0) -> datetime:
    """So long after that Monday, ten o'clock."""
    return MONDAY + timedelta(days=days, hours=hours, minutes=minutes)


def always(policy: Policy) -> InForceAt:
    """One policy, in force at every instant."""
    return lambda _: InForce(policy, "test")


class Event(NamedTuple):
    """One event that ticketing hears."""

    envelope: Envelope
    payload: Activity | CustomersMerged | CustomersSplit | TierChanged | CustomerState | AgentState

    @property
    def topic(self) -> str:
        """Where it is said."""
        match self.payload:
            case TierChanged():
                return TIER_CHANGES.name
            case CustomerState():
                return CUSTOMERS.name
            case AgentState():
                return AGENTS.name
            case _:
                return ACTIVITIES.name

    @property
    def fact(self) -> Fact:
        """What an activity says about a problem."""
        assert isinstance(self.payload, Activity)
        return news(self.envelope, self.payload).fact


def event(
    type: str,
    occurred_at: datetime,
    *,
    customer: str = "C1",
    identity: str | None = None,
    channel: Channel = "app",
    recorded_at: datetime | None = None,
    id: str | None = None,
    **body: str | int,
) -> Event:
    """An activity, `type` without `careline.` and `.v1`; the same story has the same ids."""
    words = [type, occurred_at.isoformat(), customer, channel, *map(str, body.items())]
    envelope = Envelope(
        id=id or " ".join(words)[:250],
        source="/careline/profile",
        type=f"careline.{type}.v1",
        occurred_at=occurred_at,
        recorded_at=recorded_at or occurred_at,
        key=customer,
    )
    member = identity or f"phone:of-{customer}"
    return Event(envelope, Activity(customer=customer, identity=member, channel=channel, body=body))


def complaint(occurred_at: datetime, **more: Any) -> Event:
    return event("complaint.raised", occurred_at, **more)


def fault(occurred_at: datetime, impact: str = "function_broken", **more: Any) -> Event:
    return event("fault.reported", occurred_at, impact=impact, **more)


def enquiry(occurred_at: datetime, **more: Any) -> Event:
    return event("enquiry.made", occurred_at, **more)


def answer(occurred_at: datetime, reference: str, **more: Any) -> Event:
    return event("issue.responded", occurred_at, reference=reference, **more)


def resolution(occurred_at: datetime, reference: str, **more: Any) -> Event:
    return event("issue.resolved", occurred_at, reference=reference, **more)


def reply(occurred_at: datetime, reference: str, **more: Any) -> Event:
    return event("issue.replied", occurred_at, reference=reference, **more)


def fix(occurred_at: datetime, reference: str, **more: Any) -> Event:
    return event("issue.fixed", occurred_at, reference=reference, **more)


def pause(occurred_at: datetime, reference: str, party: Party = "customer", **more: Any) -> Event:
    return event("issue.paused", occurred_at, reference=reference, waiting_for=party, **more)


def resumption(occurred_at: datetime, reference: str, **more: Any) -> Event:
    return event("issue.resumed", occurred_at, reference=reference, **more)


def assignment(occurred_at: datetime, reference: str, **more: Any) -> Event:
    return event("issue.assigned", occurred_at, reference=reference, **more)


def priority(occurred_at: datetime, reference: str, level: Level, **more: Any) -> Event:
    return event("issue.prioritised", occurred_at, reference=reference, level=level, **more)


def closing(occurred_at: datetime, reference: str, **more: Any) -> Event:
    return event("issue.closed", occurred_at, reference=reference, **more)


def rating(occurred_at: datetime, reference: str, score: int, **more: Any) -> Event:
    return event("issue.rated", occurred_at, reference=reference, score=score, **more)


def reopening(occurred_at: datetime, reference: str, **more: Any) -> Event:
    return event("issue.reopened", occurred_at, reference=reference, **more)


def tier(customer: str, to: Tier) -> Event:
    """Scoring found the customer to be in this tier."""
    envelope = Envelope(
        id=f"{customer} {to}",
        source="/careline/scoring",
        type=TierChanged.type,
        occurred_at=MONDAY,
        recorded_at=MONDAY,
        key=customer,
    )
    said = {"customer": customer, "version": 1, "as_of": MONDAY, "policy_version": "test"}
    return Event(envelope, TierChanged.model_validate({**said, "to": to, "reasons": ()}))


def record(customer: str, version: int = 1, **attributes: str) -> Event:
    """Profile's record of the customer says this now."""
    envelope = Envelope(
        id=f"{customer}-{version}-state",
        source="/careline/profile",
        type=CustomerState.type,
        occurred_at=MONDAY,
        recorded_at=MONDAY,
        key=customer,
    )
    state = {"customer": customer, "version": version, "created_at": MONDAY, "identities": {}}
    return Event(envelope, CustomerState.model_validate({**state, "attributes": attributes}))


def shift(agent: str, version: int, hours: str) -> Event:
    """A supervisor said when somebody works."""
    id = f"{agent}-{version}"
    envelope = Envelope(id, "/careline/ticketing", AgentState.type, MONDAY, MONDAY, agent)
    whose = {"agent": agent, "version": version, "by": "supervisor", "as_of": MONDAY}
    works = {"team": "technical", "capacity": 5, "hours": hours}
    return Event(envelope, AgentState.model_validate({**whose, **works}))


def merge(survivor: str, *absorbed: str, at: datetime, moves: Iterable[Move] = ()) -> Event:
    """Profile found these customers to be one."""
    merged = CustomersMerged(customer=survivor, version=2, absorbed=absorbed, moves=tuple(moves))
    return _from_profile(f"{survivor} absorbs {absorbed}", merged, survivor, at)


def split(*parts: str, at: datetime, moves: Iterable[Move]) -> Event:
    """Profile found a customer to be several; said under the number of the last."""
    parted = CustomersSplit(customer=parts[-1], version=3, parts=parts, moves=tuple(moves))
    return _from_profile(f"split into {parts}", parted, parts[-1], at)


def _from_profile(
    id: str, payload: CustomersMerged | CustomersSplit, key: str, at: datetime
) -> Event:
    envelope = Envelope(
        id=id,
        source="/careline/profile",
        type=payload.type,
        occurred_at=at,
        recorded_at=at,
        key=key,
    )
    return Event(envelope, payload)


def tickets(events: Iterable[Event], policy: Policy = POLICY) -> list[Ticket]:
    """What these events of one customer make, whatever their order."""
    return Reading(sorted(event.fact for event in events), always(policy)).tickets


def the_ticket(*events: Event) -> Ticket:
    """The one ticket that these events make."""
    [ticket] = tickets(events)
    return ticket


def the_clock(ticket: Ticket, target: str, round: int = 0) -> Clock:
    """The ticket's clock for this target."""
    [clock] = [c for c in ticket.clocks if (c.target, c.round) == (target, round)]
    return clock


class DeskInMemory:
    """A desk that keeps what a database would keep, and nothing else, between two batches."""

    def __init__(self, policy: Policy = POLICY) -> None:
        self.policy = policy
        self.decisions: list[Decision] = []
        self._heard: set[str] = set()
        self._desk = Desk(self._in_force_at)

    def _in_force_at(self, instant: datetime) -> InForce:
        return InForce(self.policy, "test")

    def hear(self, events: Sequence[Event]) -> None:
        """One batch; an event heard before is left out, as the inbox does."""
        self._put_away()
        for envelope, payload in events:
            if envelope.event_key in self._heard:
                continue
            self._heard.add(envelope.event_key)
            if isinstance(payload, CustomersMerged):
                self.decisions += self._desk.unite(
                    payload.customer, payload.absorbed, recorded_at=envelope.recorded_at
                )
            elif isinstance(payload, Activity):
                self.decisions += self._desk.hear(
                    *news(envelope, payload), recorded_at=envelope.recorded_at
                )

    def tick(self, now: datetime) -> None:
        """Fires all timers due by `now`, in order."""
        while due := min(self._dues(), default=None):
            due_at, ticket = due
            if due_at > now:
                return
            self._put_away()
            self.decisions += self._desk.fire([(ticket, due_at)])

    @property
    def changes(self) -> list[TicketChange]:
        """All that was said on ticket changes."""
        return [m.payload for decision in self.decisions for m in messages.changes(decision)]

    @property
    def states(self) -> dict[str, TicketState]:
        """What a reader of the compacted topic has."""
        return {d.said.ticket.id: messages.state(d.said) for d in self.decisions}

    @property
    def tickets(self) -> dict[str, Ticket]:
        """Live tickets by number."""
        said = (said for c in self._desk.customers.values() for said in c.said.values())
        return {s.ticket.id: s.ticket for s in said if s.merged_into is None}

    def _dues(self) -> list[tuple[datetime, str]]:
        customers = self._desk.customers.values()
        dues = ((c.next_due(ticket), ticket) for c in customers for ticket in c.said)
        return [(due_at, ticket) for due_at, ticket in dues if due_at is not None]

    def _put_away(self) -> None:
        fresh = Desk(self._in_force_at)
        fresh.survivors.update(self._desk.survivors)
        fresh.members.update(self._desk.members)
        fresh.identities.update(self._desk.identities)
        for customer in self._desk.customers.values():
            copy = fresh.customers[customer.number] = Customer(customer.number, fresh)
            copy.as_of = customer.as_of
            copy.said.update(customer.said)
            copy.knows(customer.facts)
        self._desk = fresh


def played(events: Sequence[Event], *, batch: int = 1_000) -> DeskInMemory:
    """A desk that has heard these events, so many at a time."""
    desk = DeskInMemory()
    for start in range(0, len(events), batch):
        desk.hear(events[start : start + batch])
    return desk


class Stage(StageInTest):
    """Ticketing's real handlers on a real database, fed by hand."""

    def __init__(self, engine: AsyncEngine, policy: Policy = POLICY) -> None:
        handlers = self.handlers = Handlers(always(policy))
        ears = Ears()
        ears.under(LOADED)
        super().__init__(
            engine,
            service="ticketing",
            hears=ears.hears,
            handle=handlers.handle,
            fire=handlers.fire,
        )

    async def play(self, events: Sequence[Event], *, batch: int = 1_000) -> None:
        """Hears the events, `batch` at a time."""
        records = [self.record(event.topic, *event) for event in events]
        await self.hear(records, batch=batch)

    async def changes(self) -> list[TicketChange]:
        """All that was said on ticket changes, in order."""
        said = [s for s in await self.said() if s.topic == TICKET_CHANGES.name]
        return [CHANGES[s.envelope.type].parse(s.value) for s in said]

    async def states(self) -> dict[str, TicketState]:
        """What a reader of the compacted topic has."""
        said = [s for s in await self.said() if s.topic == TICKETS.name]
        return {s.key: TicketState.parse(s.value) for s in said}


@contextlib.asynccontextmanager
async def fresh_stage(admin_url: str) -> AsyncIterator[Stage]:
    """Ticketing on a new database, dropped at the end."""
    async with fresh_database(admin_url, "ticketing") as engine:
        yield Stage(engine)
