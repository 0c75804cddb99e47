"""What happened about a customer's problems, and the tickets that it makes.

A fact is what one event says; a ticket is what the facts of a customer, read in the order in which
they happened, make of one problem. Neither knows the present; `Said` is what was told others.
"""

from base64 import b32encode
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from careline_contracts.events.ticketing import Level, Target, TicketKind

Act = Literal["opened", "joined", "responded", "resolved", "reopened"]
KeptBy = Literal["response", "resolution"]

RESPONDED = "issue.responded"
RESOLVED = "issue.resolved"
REOPENED = "issue.reopened"
FOLLOW_UPS = (RESPONDED, RESOLVED, REOPENED)
"""Events about a problem that a reference names; every other type heard reports a problem."""


class Fact(NamedTuple):
    """What one event says about a problem. Facts sort in the order in which they happened."""

    occurred_at: datetime
    key: str
    """The event's key: breaks ties, so that every replay reads facts in one order."""
    type: str
    """CloudEvents type without `careline.` and `.v1`."""
    channel: str
    impact: str | None = None
    category: str = "general"
    product: str | None = None
    reference: str | None = None
    """The channel's own number for the problem."""


class Step(NamedTuple):
    """One fact that did something to a ticket, and when it counted."""

    act: Act
    at: datetime
    key: str


@dataclass(frozen=True, slots=True)
class Clock:
    """One promise: `target` by `due_at`. A re-opened ticket starts a clock of the next round."""

    target: Target
    round: int
    started_at: datetime
    due_at: datetime
    kept_by: KeptBy
    stopped_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ticket:
    """One problem of a customer, as the facts have it."""

    id: str
    kind: TicketKind
    level: Level
    opened_at: datetime
    resolved_at: datetime | None
    steps: tuple[Step, ...]
    clocks: tuple[Clock, ...]


PromiseName = tuple[Target, int]
"""A clock's name within its ticket: target and round."""


@dataclass(frozen=True, slots=True)
class Said:
    """What others were told about a ticket, up to `version`."""

    ticket: Ticket
    customer: str
    version: int
    breached: tuple[PromiseName, ...] = ()
    merged_into: str | None = None
    policy_version: str = ""


def ticket_id(opened_by: str) -> str:
    """The number of the ticket that this event opens: the same on every replay."""
    return "T" + b32encode(bytes.fromhex(opened_by[:16])).decode().rstrip("=")
