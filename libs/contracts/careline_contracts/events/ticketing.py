"""What ticketing says: tickets as state, and every change that matters to a promise."""

from typing import ClassVar, Literal

from careline_contracts.payload import Instant, Payload, ShortText

Level = Literal["L1", "L2", "L3"]
Target = Literal["first_response", "temporary_fix", "resolution"]
TicketKind = Literal["complaint", "fault", "enquiry", "after_sales"]
TicketStatus = Literal["open", "resolved", "merged"]


class Clock(Payload):
    """One promise of a ticket. Re-opening starts clocks of the next `round`."""

    type: ClassVar[str] = ""
    target: Target
    round: int = 0
    started_at: Instant
    due_at: Instant
    stopped_at: Instant | None = None
    breached_at: Instant | None = None


class TicketState(Payload):
    """A ticket as it is now (compacted by ticket id).

    `merged` says that late events or a merge of customers showed the same problem to be the
    ticket `merged_into`; this number stays as its other name.
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
    merged_into: ShortText | None = None
    policy_version: str


class TicketChange(Payload):
    """Common to all changes; versions of a ticket are counted from 1 without gaps."""

    ticket: ShortText
    customer: ShortText
    version: int
    as_of: Instant
    policy_version: str


class TicketOpened(TicketChange):
    type: ClassVar[str] = "careline.ticket.opened.v1"
    kind: TicketKind
    level: Level


class TicketJoined(TicketChange):
    """The same problem was reported again, here or in another channel."""

    type: ClassVar[str] = "careline.ticket.joined.v1"


class TicketResponded(TicketChange):
    type: ClassVar[str] = "careline.ticket.responded.v1"


class TicketBreached(TicketChange):
    type: ClassVar[str] = "careline.ticket.breached.v1"
    target: Target
    due_at: Instant


class TicketResolved(TicketChange):
    type: ClassVar[str] = "careline.ticket.resolved.v1"


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

    `withdrawn` names the targets whose breach is void: the promise had been kept in time.
    """

    type: ClassVar[str] = "careline.ticket.corrected.v1"
    withdrawn: tuple[Target, ...] = ()
