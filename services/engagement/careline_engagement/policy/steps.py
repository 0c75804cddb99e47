"""What a playbook can do, one class a kind of step; `do` names the kind.

A step that asks something of a person (assign, task, expect, offer) has a deadline, and the
playbook goes on at once: what must wait for it is written as a `wait` after it.
"""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from functools import cached_property
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from careline_contracts.events.scoring import Need, Risk, TagName, Tier, Value
from careline_contracts.events.touchpoints import ContactChannel, MinorUnits
from careline_engagement.policy.words import VERDICTS, Evidence, Name, Part, Text, Touchpoints

Role = Literal["supervisor", "account_manager", "on_call"]
Ending = Literal["saved", "lost", "withdrawn", "reached", "ended"]


class When(Part):
    """Holds for a customer whom every part that is given fits."""

    tier: frozenset[Tier] | None = None
    value: frozenset[Value] | None = None
    need: frozenset[Need] | None = None
    risk: frozenset[Risk] | None = None
    tags: dict[TagName, frozenset[Text]] = Field(default_factory=dict)
    """Tags of TAG-4: one of the values is enough."""
    attributes: dict[Name, frozenset[Text]] = Field(default_factory=dict)
    """Fields of the record that profile shares (`party`, `side`, `region`, …), likewise."""

    @cached_property
    def verdicts(self) -> Mapping[str, frozenset[str]]:
        """What scoring has to have said: of each verdict and tag one of these."""
        named = [(name, getattr(self, name)) for name in VERDICTS]
        return {name: wanted for name, wanted in (*named, *self.tags.items()) if wanted is not None}


class StepPolicy(Part):
    """Common to all steps."""

    step: Name

    @property
    def successors(self) -> tuple[str, ...]:
        """Steps that may come next besides the one below."""
        return ()

    @property
    def falls_through(self) -> bool:
        """Whether the step below may come next."""
        return True


class Obligation(StepPolicy):
    """Something that must be shown to be done by a deadline; missed, it escalates."""

    asks: ClassVar[bool] = True
    """Whether a person is told when it begins."""

    within_hours: PositiveInt
    calendar: Name | None = None
    """Whose working hours those are; around the clock, if none is named."""
    at_once_hours: PositiveInt | None = None
    """By when instead, for customers for whom a person is to be there at once (TAG-4)."""
    done_by: Annotated[Evidence, Field(min_length=1)]
    missed: Role = "supervisor"
    """Who is told when it was not done in time."""

    @property
    def within(self) -> timedelta:
        return timedelta(hours=self.within_hours)

    @property
    def within_at_once(self) -> timedelta:
        return timedelta(hours=self.at_once_hours or self.within_hours)

    @model_validator(mode="after")
    def _at_once_is_sooner(self) -> Self:
        if self.within_at_once > self.within:
            raise ValueError("at_once_hours are more than within_hours")
        return self


class Assign(Obligation):
    """Somebody leads."""

    do: Literal["assign"]
    to: Role


class Task(Obligation):
    """A person is asked to do something."""

    do: Literal["task"]
    to: Role
    what: Text
    script: Name | None = None
    """What to say to the customer."""


class Expect(Obligation):
    """Something has to happen; nobody in particular is asked."""

    asks = False
    do: Literal["expect"]


class OfferStep(Obligation):
    """Compensation or a gift, within limits; above a threshold a supervisor approves it first."""

    asks = False
    do: Literal["offer"]
    limit_minor: dict[Tier, MinorUnits]
    """The most that may be offered; a tier that isn't named gets nothing."""
    approval_above_minor: MinorUnits


class OutreachStep(StepPolicy):
    """A channel is asked to contact the customer, if the contact budget has room."""

    do: Literal["outreach"]
    script: Name
    channel: dict[Tier, ContactChannel] | ContactChannel
    person: ContactChannel | None = None
    """Over what instead, for customers for whom a person is to be there at once (TAG-4)."""
    patience_hours: Annotated[int, Field(ge=0)]
    """How long it may wait for room; when there is none in time, it is suppressed."""
    within_hours: PositiveInt
    """By when the channel is to have delivered it; after that it expires. See `due_at`."""
    on_holidays: bool = False
    """Goes out on public holidays, too: what is said for the very day sells nothing."""
    suppressed: Name | None = None
    """Where to go on when it was suppressed; the step below, if none is named."""
    replied_by: Touchpoints = frozenset()
    """What the customer may do after it went out that is a reply: `outreach.answered/elsewhere`."""

    @property
    def patience(self) -> timedelta:
        return timedelta(hours=self.patience_hours)

    @property
    def within(self) -> timedelta:
        return timedelta(hours=self.within_hours)

    def due_at(self, asked_at: datetime, sent_at: datetime) -> datetime:
        """Counted from when it was asked for, if it goes out before that is over; else, since it
        would have expired before its channel heard of it, from when it went out."""
        return (asked_at if self.patience < self.within else sent_at) + self.within

    @property
    def successors(self) -> tuple[str, ...]:
        return (self.suppressed,) if self.suppressed else ()

    def channel_for(self, tier: Tier | None, *, at_once: bool) -> ContactChannel:
        """Of whom no tier is known is contacted as the lowest is."""
        if at_once and self.person:
            return self.person
        return self.channel if isinstance(self.channel, str) else self.channel[tier or "edge"]


class Wait(StepPolicy):
    """Goes on when something happens, or when it hasn't for so long."""

    do: Literal["wait"]
    for_: Evidence = Field(frozenset(), alias="for")
    hours: PositiveInt
    then: Name | None = None
    """Where to go on when it happened; the step below, if none is named."""
    timeout: Name | None = None

    @property
    def span(self) -> timedelta:
        return timedelta(hours=self.hours)

    @property
    def successors(self) -> tuple[str, ...]:
        return tuple(step for step in (self.then if self.for_ else None, self.timeout) if step)

    @property
    def falls_through(self) -> bool:
        return self.timeout is None or (bool(self.for_) and self.then is None)


class WaitUntil(StepPolicy):
    """Goes on at the next such time of day where the customer is, or in working hours."""

    do: Literal["wait_until"]
    local_time: time | None = None
    calendar: Name | None = None
    """Whose working hours; at once, if they are on."""

    @model_validator(mode="after")
    def _waits_for_one_of_them(self) -> Self:
        if (self.local_time is None) == (self.calendar is None):
            raise ValueError("a step waits until a local_time or the hours of a calendar")
        return self


class Way(Part):
    """One way of a branch."""

    when: When
    go: Name


class Branch(StepPolicy):
    """Goes the first way whose condition holds; the step below, if none does."""

    do: Literal["branch"]
    ways: Annotated[tuple[Way, ...], Field(min_length=1)]

    @property
    def successors(self) -> tuple[str, ...]:
        return tuple(way.go for way in self.ways)


class Escalate(StepPolicy):
    """Somebody is told."""

    do: Literal["escalate"]
    to: Role
    reason: Text


class End(StepPolicy):
    """The case is over."""

    do: Literal["end"]
    status: Ending
    reason: Text = "the playbook has ended"

    @property
    def falls_through(self) -> bool:
        return False


AnyStep = Annotated[
    Assign | Task | Expect | OfferStep | OutreachStep | Wait | WaitUntil | Branch | Escalate | End,
    Field(discriminator="do"),
]
