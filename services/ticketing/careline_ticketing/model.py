"""What happened about a customer's problems, and the tickets that it makes.

A fact is what one event says; a ticket is what the facts of a customer, read in the order in which
they happened, make of one problem. Neither knows the present; `Said` is what was told others.
"""

from base64 import b32encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from careline_contracts.events.ticketing import Level, Party, Target, TicketKind, TicketStatus

Act = Literal[
    "opened",
    "joined",
    "replied",
    "responded",
    "fixed",
    "waits_for_customer",
    "waits_for_third_party",
    "resumed",
    "assigned",
    "unassignable",
    "prioritised",
    "noted",
    "linked",
    "resolved",
    "closed",
    "reopened",
    "rated",
]
KeptBy = Literal["response", "fix", "resolution"]
State = Literal["open", "waits_for_customer", "waits_for_third_party", "resolved", "closed"]

FOLLOW_UPS: dict[str, Act | None] = {
    "issue.replied": "replied",
    "issue.responded": "responded",
    "issue.fixed": "fixed",
    "issue.paused": None,  # it says itself for whom
    "issue.resumed": "resumed",
    "issue.assigned": "assigned",
    "issue.unassignable": "unassignable",
    "issue.prioritised": "prioritised",
    "issue.noted": "noted",
    "issue.linked": "linked",
    "issue.resolved": "resolved",
    "issue.closed": "closed",
    "issue.reopened": "reopened",
    "issue.rated": "rated",
}
"""Events about a problem that is known, and what each does; every other type reports a problem."""


def _each(acts: str, state: State) -> dict[Act, State]:
    return dict.fromkeys(acts.split(), state)  # type: ignore[arg-type]


MOVES: dict[State, dict[Act, State]] = {
    "open": {
        **_each("joined replied responded fixed", "open"),
        **_each("assigned unassignable prioritised noted linked", "open"),
        "waits_for_customer": "waits_for_customer",
        "waits_for_third_party": "waits_for_third_party",
        "resolved": "resolved",
        "closed": "closed",
    },
    # whatever the customer says ends the wait for the customer
    "waits_for_customer": {
        **_each("joined replied resumed fixed", "open"),
        **_each("responded assigned unassignable", "waits_for_customer"),
        **_each("prioritised noted linked", "waits_for_customer"),
        "waits_for_third_party": "waits_for_third_party",
        "resolved": "resolved",
        "closed": "closed",
    },
    "waits_for_third_party": {
        **_each("resumed fixed", "open"),
        **_each("joined replied responded assigned unassignable", "waits_for_third_party"),
        **_each("prioritised noted linked", "waits_for_third_party"),
        "waits_for_customer": "waits_for_customer",
        "resolved": "resolved",
        "closed": "closed",
    },
    "resolved": {
        **_each("replied responded assigned noted linked rated", "resolved"),
        **_each("joined reopened", "open"),
        "closed": "closed",
    },
    "closed": {
        **_each("noted linked rated", "closed"),
        **_each("joined reopened", "open"),
    },
}
"""What may happen to a ticket in each state, and the state that it leads to; all else is void."""


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
    ticket: str | None = None
    """Our own number for it, where somebody named that."""
    agent: str | None = None
    team: str | None = None
    detail: str | None = None
    """The one word that the act needs: for whom it waits, which level, which score, which cause."""


def act_of(fact: Fact) -> Act:
    """What a follow-up does to its ticket."""
    act = FOLLOW_UPS[fact.type]
    return act or f"waits_for_{fact.detail}"  # type: ignore[return-value]


class Step(NamedTuple):
    """One fact that did something to a ticket, and when it counted."""

    act: Act
    at: datetime
    key: str
    agent: str | None = None
    team: str | None = None
    detail: str | None = None


class Wait(NamedTuple):
    """A time in which somebody else was to act; `until` is open while it goes on."""

    party: Party
    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Clock:
    """One promise: `target` by `due_at`. What happens again starts a clock of the next round."""

    target: Target
    round: int
    started_at: datetime
    due_at: datetime
    """An open pause counts here as if it had ended when it began."""
    kept_by: KeptBy
    within: timedelta = timedelta()
    hours: str = "around_the_clock"
    """The calendar's name."""
    given_at: datetime | None = None
    """When it was promised, if that was later than the start: whose policy holds."""
    pauses_for: tuple[Party, ...] = ()
    stopped_at: datetime | None = None
    paused_since: datetime | None = None


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
    state: State = "open"
    category: str = "general"
    product: str | None = None
    waits: tuple[Wait, ...] = ()

    @property
    def holder(self) -> Step | None:
        """The last assignment: who works on it."""
        return next((s for s in reversed(self.steps) if s.act == "assigned"), None)

    @property
    def unassignable_since(self) -> datetime | None:
        """Since when nobody fits who could take it; None while somebody does, or need not."""
        found = (s for s in reversed(self.steps) if s.act in ("assigned", "unassignable"))
        last = next(found, None)
        if last is None or last.act == "assigned" or self.state in DONE:
            return None
        return last.at

    @property
    def resolution(self) -> Step | None:
        """The last resolution: by whom, and for which cause."""
        return next((s for s in reversed(self.steps) if s.act == "resolved"), None)


DONE: tuple[State, ...] = ("resolved", "closed")


PromiseName = tuple[Target, int]
"""A clock's name within its ticket: target and round."""


@dataclass(frozen=True, slots=True)
class Said:
    """What others were told about a ticket, up to `version`."""

    ticket: Ticket
    customer: str
    identity: str
    """Under which its report is kept."""
    version: int
    breached: tuple[PromiseName, ...] = ()
    merged_into: str | None = None
    policy_version: str = ""

    @property
    def clocks(self) -> tuple[Clock, ...]:
        """Its promises; of a merged one those that were kept or broken: the rest goes on there."""
        if self.merged_into is None:
            return self.ticket.clocks
        return tuple(
            clock
            for clock in self.ticket.clocks
            if clock.stopped_at is not None or (clock.target, clock.round) in self.breached
        )

    @property
    def status(self) -> TicketStatus:
        """The ticket's state, in a word for everybody."""
        if self.merged_into is not None:
            return "merged"
        state = self.ticket.state
        return "waiting" if state.startswith("waits") else state  # type: ignore[return-value]


def ticket_id(opened_by: str) -> str:
    """The number of the ticket that this event opens: the same on every replay."""
    return "T" + b32encode(bytes.fromhex(opened_by[:16])).decode().rstrip("=")
