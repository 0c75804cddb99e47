"""What an agent is shown of a ticket: each promise with its verdict, and where its time went.

A verdict is computed from timestamps when it is asked for; none depends on whether a timer has
fired yet.
"""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from careline_contracts.events.ticketing import Level, Party, Target, TicketKind, TicketStatus
from careline_ticketing import clocks, messages
from careline_ticketing.clocks import Verdict
from careline_ticketing.lines import Line, LineKind, lines
from careline_ticketing.model import MOVES, Act, Clock, Said, Step, Ticket
from careline_ticketing.policy import InForceAt
from careline_ticketing.rules.pauses import Doubtful, doubtful


class LineView(BaseModel):
    """A stretch of a promise's time. The lines of a promise add up to the wall clock."""

    model_config = ConfigDict(populate_by_name=True)

    start: datetime = Field(alias="from", serialization_alias="from")
    end: datetime = Field(alias="to", serialization_alias="to")
    kind: LineKind
    who: str
    """`customer`, `third_party`, a team or agent, `unassigned`, or `nobody` outside the hours."""
    counts: bool

    @classmethod
    def of(cls, line: Line) -> Self:
        return cls(**line._asdict())


class ClockView(BaseModel):
    """One promise, as it stands now."""

    target: Target
    round: int
    started_at: datetime
    due_at: datetime
    """In a pause: when it would be due if the pause ended now."""
    stopped_at: datetime | None
    verdict: Verdict
    late_seconds: float
    promised_seconds: float
    used_seconds: float
    lines: list[LineView]

    @classmethod
    def of(cls, clock: Clock, ticket: Ticket, policies: InForceAt, as_of: datetime) -> Self:
        policy = policies(clock.given_at or clock.started_at).policy
        timetable = policy.timetable(clock.hours)
        return cls(
            target=clock.target,
            round=clock.round,
            started_at=clock.started_at,
            due_at=clocks.due_as_of(clock, ticket.waits, timetable, as_of),
            stopped_at=clock.stopped_at,
            verdict=clocks.verdict(clock, as_of),
            late_seconds=clocks.late_seconds(clock, as_of),
            promised_seconds=clock.within.total_seconds(),
            used_seconds=clocks.used(clock, ticket.waits, timetable, as_of).total_seconds(),
            lines=[LineView.of(line) for line in lines(clock, ticket, timetable, as_of)],
        )


class DoubtfulPause(BaseModel):
    """A pause that began shortly before a promise was due, and that the customer did not end."""

    model_config = ConfigDict(populate_by_name=True)

    target: Target
    since: datetime = Field(alias="from", serialization_alias="from")
    until: datetime = Field(alias="to", serialization_alias="to")
    left_seconds: float
    agent: str | None

    @classmethod
    def of(cls, pause: Doubtful) -> Self:
        return cls(left_seconds=pause.left.total_seconds(), **pause._asdict())


class StepView(BaseModel):
    """One event that the ticket is made of."""

    act: Act
    at: datetime
    agent: str | None = None
    team: str | None = None
    detail: str | None = None
    """For whom it waits, which level, which score, which cause, which reference."""

    @classmethod
    def of(cls, step: Step) -> Self:
        return cls(**{name: getattr(step, name) for name in cls.model_fields})


class OwnPromise(BaseModel):
    """What a customer was promised, and whether it was kept."""

    target: Target
    due_at: datetime
    verdict: Verdict


class OwnTicket(BaseModel):
    """What customers see of their own ticket: no names of agents, and nothing of how we work."""

    ticket: str
    kind: TicketKind
    status: TicketStatus
    category: str
    product: str | None
    opened_at: datetime
    resolved_at: datetime | None
    waits_for_you: bool
    promises: list[OwnPromise]
    may: list[str]
    """What they can do now: `reply`, `reopen`, `rate`."""

    @classmethod
    def of(cls, said: Said, policies: InForceAt, as_of: datetime) -> Self:
        view = TicketView.of(said, policies, as_of)
        verbs: dict[Act, str] = {"replied": "reply", "reopened": "reopen", "rated": "rate"}
        return cls(
            **view.model_dump(include=set(cls.model_fields)),
            waits_for_you=view.waiting_for == "customer",
            promises=[
                OwnPromise(target=clock.target, due_at=clock.due_at, verdict=clock.verdict)
                for clock in view.clocks
            ],
            may=[verb for act, verb in verbs.items() if act in MOVES[said.ticket.state]],
        )


class TicketView(BaseModel):
    """A ticket as it is now."""

    ticket: str
    customer: str
    version: int
    kind: TicketKind
    level: Level
    status: TicketStatus
    category: str
    product: str | None
    waiting_for: Party | None
    agent: str | None
    team: str | None
    unassignable_since: datetime | None
    """Since when nobody fits who could take it."""
    opened_at: datetime
    resolved_at: datetime | None
    merged_into: str | None
    touchpoints: int
    clocks: list[ClockView]
    doubtful_pauses: list[DoubtfulPause]
    steps: list[StepView]
    policy_version: str

    @classmethod
    def of(cls, said: Said, policies: InForceAt, as_of: datetime) -> Self:
        ticket, state = said.ticket, messages.state(said)
        return cls(
            **state.model_dump(exclude={"clocks"}),
            clocks=[ClockView.of(clock, ticket, policies, as_of) for clock in said.clocks],
            doubtful_pauses=[DoubtfulPause.of(pause) for pause in doubtful(ticket, policies)],
            steps=[StepView.of(step) for step in ticket.steps],
        )
