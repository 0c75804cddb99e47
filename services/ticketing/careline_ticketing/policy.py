"""The shape of a ticketing policy: levels, promises, working hours, and what is one problem."""

from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, PositiveInt, model_validator

from careline_calendar.definition import Calendar, Part
from careline_contracts.events.ticketing import Level, Target, TicketKind
from careline_contracts.events.touchpoints import CHANNEL_EVENTS, FaultReported
from careline_ticketing.model import FOLLOW_UPS, Fact, KeptBy

_SHORT_TYPES = frozenset(
    event.type.removeprefix("careline.").removesuffix(".v1") for event in CHANNEL_EVENTS
)
_IMPACTS = FaultReported.model_json_schema()["properties"]["impact"]["enum"]


def _known_report(name: str) -> str:
    type_, _, impact = name.partition("/")
    if type_ not in _SHORT_TYPES or type_ in FOLLOW_UPS:
        raise ValueError(f"no channel reports a problem by careline.{type_}.v1")
    if impact and (type_ != "fault.reported" or impact not in _IMPACTS):
        raise ValueError(f"{type_} has no impact {impact!r}")
    return name


class Promise(Part):
    """One target: by when, on which clock, and what keeps it."""

    target: Target
    within_minutes: PositiveInt
    hours: Literal["working", "around_the_clock"]
    kept_by: KeptBy

    @property
    def within(self) -> timedelta:
        return timedelta(minutes=self.within_minutes)


class Rule(Part):
    """What a report is: its kind and level, and the list of promises that it starts."""

    kind: TicketKind
    level: Level
    promises: str


class SameProblem(Part):
    """When two reports are about one problem."""

    joins_within_hours: PositiveInt
    reopens_within_days: PositiveInt
    clock_skew_minutes: Annotated[int, Field(ge=0)]

    @property
    def joins_within(self) -> timedelta:
        return timedelta(hours=self.joins_within_hours)

    @property
    def reopens_within(self) -> timedelta:
        return timedelta(days=self.reopens_within_days)

    @property
    def clock_skew(self) -> timedelta:
        return timedelta(minutes=self.clock_skew_minutes)


class Reopening(Part):
    """Which promises start again when a ticket is re-opened."""

    restarts: frozenset[Target]


class Policy(Part):
    """Everything that the business may argue about."""

    version: str
    calendar: Calendar
    rules: Mapping[Annotated[str, AfterValidator(_known_report)], Rule]
    promises: dict[str, tuple[Promise, ...]]
    same_problem: SameProblem
    reopening: Reopening

    @model_validator(mode="after")
    def _rules_have_promises(self) -> Self:
        for name, rule in self.rules.items():
            if rule.promises not in self.promises:
                raise ValueError(f"rule {name}: there are no promises called {rule.promises!r}")
        for name, promises in self.promises.items():
            targets = [promise.target for promise in promises]
            if len(targets) > len(set(targets)):
                raise ValueError(f"{name} promises a target twice")
        return self

    def rule_for(self, fact: Fact) -> Rule | None:
        """The rule of the problem that `fact` reports; None where it opens no ticket."""
        return self.rules.get(f"{fact.type}/{fact.impact}") or self.rules.get(fact.type)

    @cached_property
    def types(self) -> frozenset[str]:
        """CloudEvents types that make or move tickets."""
        reports = {name.partition("/")[0] for name in self.rules}
        return frozenset(f"careline.{type_}.v1" for type_ in reports | set(FOLLOW_UPS))
