"""What ticketing says: tickets as state, and every change that matters to a promise."""

from datetime import date
from typing import ClassVar, Literal

from careline_contracts.payload import Instant, Payload, ShortText

Level = Literal["L1", "L2", "L3"]
Target = Literal["first_response", "next_response", "temporary_fix", "resolution"]
Party = Literal["customer", "third_party"]
"""Whom a ticket may wait for."""
TicketKind = Literal["complaint", "fault", "enquiry", "after_sales"]
TicketStatus = Literal["open", "waiting", "resolved", "closed", "merged"]


class Clock(Payload):
    """One promise of a ticket. What happens again starts a clock of the next `round`.

    While `paused_since` is there the promise waits for somebody else; `due_at` then says when it
    would have been due had the pause ended at once.
    """

    type: ClassVar[str] = ""
    target: Target
    round: int = 0
    started_at: Instant
    due_at: Instant
    stopped_at: Instant | None = None
    breached_at: Instant | None = None
    paused_since: Instant | None = None


class Rating(Payload):
    """How satisfied the customer was with a resolution, from 0 to 10; `agent` resolved it."""

    type: ClassVar[str] = ""
    score: int
    rated_at: Instant
    agent: ShortText | None = None


class TicketState(Payload):
    """A ticket as it is now (compacted by ticket id).

    `merged` says that late events or a merge of customers showed the same problem to be the
    ticket `merged_into`; this number stays as its other name.
    `identity` is the `kind:token` under which its report is kept: it leads to the customer through
    every merge and split. Who takes a ticket's breaches and ratings as evidence keeps those of the
    latest version under it; of a `merged` ticket there are none, the other one has them.
    """

    type: ClassVar[str] = "careline.ticket.updated.v1"
    ticket: ShortText
    customer: ShortText
    version: int
    kind: TicketKind
    level: Level
    status: TicketStatus
    opened_at: Instant
    resolved_at: Instant | None = None
    clocks: tuple[Clock, ...]
    touchpoints: int
    category: ShortText | None = None
    product: ShortText | None = None
    waiting_for: Party | None = None
    agent: ShortText | None = None
    team: ShortText | None = None
    unassignable_since: Instant | None = None
    """Since when nobody fits who could take it."""
    ratings: tuple[Rating, ...] = ()
    """One for each resolution that was rated."""
    merged_into: ShortText | None = None
    identity: ShortText | None = None
    policy_version: str


class TicketChange(Payload):
    """Common to all changes; versions of a ticket are counted from 1 without gaps.

    `identity` is that of the ticket's state.
    """

    ticket: ShortText
    customer: ShortText
    version: int
    as_of: Instant
    policy_version: str
    identity: ShortText | None = None


class TicketOpened(TicketChange):
    type: ClassVar[str] = "careline.ticket.opened.v1"
    kind: TicketKind
    level: Level
    category: ShortText | None = None
    product: ShortText | None = None


class TicketJoined(TicketChange):
    """The same problem was reported again, here or in another channel."""

    type: ClassVar[str] = "careline.ticket.joined.v1"


class TicketResponded(TicketChange):
    type: ClassVar[str] = "careline.ticket.responded.v1"
    agent: ShortText | None = None


class TicketReplied(TicketChange):
    """The customer said something more about it."""

    type: ClassVar[str] = "careline.ticket.replied.v1"


class TicketFixed(TicketChange):
    """It works again for now."""

    type: ClassVar[str] = "careline.ticket.fixed.v1"
    agent: ShortText | None = None


class TicketPaused(TicketChange):
    """Work waits for somebody else; promises that pause for them stand still."""

    type: ClassVar[str] = "careline.ticket.paused.v1"
    waiting_for: Party


class TicketResumed(TicketChange):
    type: ClassVar[str] = "careline.ticket.resumed.v1"


class TicketAssigned(TicketChange):
    type: ClassVar[str] = "careline.ticket.assigned.v1"
    agent: ShortText | None = None
    team: ShortText | None = None


class TicketUnassignable(TicketChange):
    """Nobody of `team` can take it now: its on-call is told, and whoever can gets it later."""

    type: ClassVar[str] = "careline.ticket.unassignable.v1"
    team: ShortText


class TicketPrioritised(TicketChange):
    """An agent gave it another level."""

    type: ClassVar[str] = "careline.ticket.prioritised.v1"
    level: Level


class TicketNoted(TicketChange):
    """A message, note or attachment was filed; its content stays where `reference` says."""

    type: ClassVar[str] = "careline.ticket.noted.v1"
    reference: ShortText


class TicketLinked(TicketChange):
    """It has to do with `to`: another ticket, or a knowledge article."""

    type: ClassVar[str] = "careline.ticket.linked.v1"
    to: ShortText


class TicketBreached(TicketChange):
    """A promise was not kept in time. Ticket, target and round are its name."""

    type: ClassVar[str] = "careline.ticket.breached.v1"
    target: Target
    round: int = 0
    due_at: Instant


class TicketResolved(TicketChange):
    """It is solved: the customer is to be asked how satisfied they are, once per resolution."""

    type: ClassVar[str] = "careline.ticket.resolved.v1"
    agent: ShortText | None = None
    cause: ShortText | None = None


class TicketClosed(TicketChange):
    type: ClassVar[str] = "careline.ticket.closed.v1"


class TicketRated(TicketChange):
    """The customer's satisfaction with the last resolution, from 0 to 10; `agent` resolved it."""

    type: ClassVar[str] = "careline.ticket.rated.v1"
    score: int
    rated_at: Instant | None = None
    agent: ShortText | None = None


class TicketWarned(TicketChange):
    """`percent` of the time that was promised for `target` is used up."""

    type: ClassVar[str] = "careline.ticket.warned.v1"
    target: Target
    percent: int
    due_at: Instant


class TicketEscalated(TicketChange):
    """A broken or endangered promise has come to the next step of its chain.

    `to` is the role that is to act, by the policy; `step` counts from 1.
    """

    type: ClassVar[str] = "careline.ticket.escalated.v1"
    target: Target
    step: int
    to: ShortText
    due_at: Instant


class TicketReopened(TicketChange):
    type: ClassVar[str] = "careline.ticket.reopened.v1"


class TicketMerged(TicketChange):
    """Found to be the same problem as `into`, by a late event or a merge of customers."""

    type: ClassVar[str] = "careline.ticket.merged.v1"
    into: ShortText


class TicketMoved(TicketChange):
    """The ticket's customer was merged: it is now `customer`'s."""

    type: ClassVar[str] = "careline.ticket.moved.v1"
    previous_customer: ShortText


class TicketCorrected(TicketChange):
    """A late event shows that something said before did not happen; the state says what holds.

    `withdrawn` names the targets whose breach is void: the promise had been kept in time;
    `withdrawn_rounds` has the round of each.
    """

    type: ClassVar[str] = "careline.ticket.corrected.v1"
    withdrawn: tuple[Target, ...] = ()
    withdrawn_rounds: tuple[int, ...] = ()


class DigestEntry(Payload):
    """One thing that somebody should know of a promise."""

    type: ClassVar[str] = ""
    what: Literal["opened", "warned", "breached", "escalated", "unassignable"]
    ticket: ShortText
    customer: ShortText
    level: Level
    target: Target
    due_at: Instant
    percent: int | None = None
    step: int | None = None


class TicketDigestRaised(Payload):
    """What one person, or whoever has a role, is to hear of tickets at this time, all together."""

    type: ClassVar[str] = "careline.ticket-digest.raised.v1"
    person: ShortText
    due_at: Instant
    entries: tuple[DigestEntry, ...]


class TicketActed(Payload):
    """What somebody did about a ticket over the API: from it a replay knows what no channel said.

    `act` is the type of the touchpoint that would have said the same, without `careline.` and
    `.v1`; `detail` is the one word that it needs.
    """

    type: ClassVar[str] = "careline.ticket.acted.v1"
    customer: ShortText
    identity: ShortText
    act: ShortText
    by: ShortText
    ticket: ShortText | None = None
    impact: ShortText | None = None
    category: ShortText | None = None
    product: ShortText | None = None
    reference: ShortText | None = None
    agent: ShortText | None = None
    team: ShortText | None = None
    detail: ShortText | None = None


class LeaveTaken(Payload):
    """Whole days on which an agent is away, the last one included."""

    type: ClassVar[str] = ""
    first: date
    last: date


class AgentState(Payload):
    """Somebody who works on tickets, as a supervisor has it now (compacted by agent).

    `is_absent` is until further notice; who `is_gone` works here no more. Versions of an agent are
    counted from 1 without gaps.
    """

    type: ClassVar[str] = "careline.agent.updated.v1"
    agent: ShortText
    version: int
    team: ShortText
    skills: tuple[ShortText, ...] = ()
    capacity: int
    hours: ShortText
    """The calendar of ticketing's policy that is their shift."""
    leave: tuple[LeaveTaken, ...] = ()
    is_absent: bool = False
    is_gone: bool = False
    by: ShortText
    as_of: Instant


class CrisisState(Payload):
    """One problem of many customers, as it is now (compacted by crisis)."""

    type: ClassVar[str] = "careline.crisis.updated.v1"
    crisis: ShortText
    version: int
    status: Literal["open", "closed"]
    grade: int
    """1 is the gravest."""
    owner: ShortText
    labels: tuple[ShortText, ...]
    """Categories and products as channels named them."""
    opened_at: Instant
    closed_at: Instant | None = None
    tickets: tuple[ShortText, ...]
    customers: int
    weight: float
    cause: ShortText | None = None
    lesson: ShortText | None = None
    actions: tuple[ShortText, ...] = ()


class CrisisChange(Payload):
    """Common to all changes of a crisis; versions are counted from 1 without gaps."""

    crisis: ShortText
    version: int
    as_of: Instant
    policy_version: str


class CrisisOpened(CrisisChange):
    type: ClassVar[str] = "careline.crisis.opened.v1"
    grade: int
    owner: ShortText
    tickets: tuple[ShortText, ...]


class CrisisGrown(CrisisChange):
    """More tickets belong to it, or it has become graver."""

    type: ClassVar[str] = "careline.crisis.grown.v1"
    grade: int
    owner: ShortText
    tickets: tuple[ShortText, ...]
    """Those that are new."""


class CrisisClosed(CrisisChange):
    """It is over, with what was learned."""

    type: ClassVar[str] = "careline.crisis.closed.v1"
    by: ShortText
    cause: ShortText
    lesson: ShortText | None = None
    actions: tuple[ShortText, ...] = ()


class MassNoticeRequested(Payload):
    """These customers are to be told that we know and work on it, before they ask; each once."""

    type: ClassVar[str] = "careline.mass-notice.requested.v1"
    crisis: ShortText
    as_of: Instant
    customers: tuple[ShortText, ...]
    text_en: str
    text_zh: str
