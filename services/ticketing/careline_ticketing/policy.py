"""The shape of a ticketing policy: levels, promises, working hours, and what is one problem."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import Annotated, NamedTuple, Self

from pydantic import AfterValidator, Field, PositiveInt, model_validator

from careline_calendar.definition import Calendar, Part
from careline_calendar.working import AROUND_THE_CLOCK, Timetable
from careline_contracts.events.ticketing import Level, Party, Target, TicketKind
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


ALWAYS = "around_the_clock"
"""The calendar that needs no definition."""


class Promise(Part):
    """One target: by when, on which calendar, what keeps it, and for whom its time stands still."""

    target: Target
    within_minutes: PositiveInt
    hours: str
    kept_by: KeptBy
    pauses_for: tuple[Party, ...] = ()

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
    calendars: dict[str, Calendar]
    rules: Mapping[Annotated[str, AfterValidator(_known_report)], Rule]
    promises: dict[str, tuple[Promise, ...]]
    levels: dict[Level, str]
    same_problem: SameProblem
    reopening: Reopening

    @model_validator(mode="after")
    def _rules_have_promises(self) -> Self:
        wanted = {f"rule {name}": rule.promises for name, rule in self.rules.items()}
        wanted |= {f"level {level}": name for level, name in self.levels.items()}
        for who, name in wanted.items():
            if name not in self.promises:
                raise ValueError(f"{who}: there are no promises called {name!r}")
        if missing := {"L1", "L2", "L3"} - self.levels.keys():
            raise ValueError(f"no promises for level {min(missing)}")
        for name, promises in self.promises.items():
            if strange := {p.hours for p in promises} - {ALWAYS, *self.calendars}:
                raise ValueError(f"{name}: there is no calendar called {min(strange)!r}")
            targets = [promise.target for promise in promises]
            if len(targets) > len(set(targets)):
                raise ValueError(f"{name} promises a target twice")
        return self

    def timetable(self, hours: str) -> Timetable:
        """The calendar of this name, to compute with."""
        return AROUND_THE_CLOCK if hours == ALWAYS else self.calendars[hours].working

    @property
    def known_through(self) -> int | None:
        """The last year whose official list of working days every calendar has; None: no end."""
        years = (calendar.holidays.known_through for calendar in self.calendars.values())
        return min((year for year in years if year is not None), default=None)

    def promises_at(self, level: Level, rule: Rule) -> tuple[Promise, ...]:
        """What is promised at a level that an agent set; at the rule's own it is the rule's."""
        return self.promises[rule.promises if level == rule.level else self.levels[level]]

    def rule_for(self, fact: Fact) -> Rule | None:
        """The rule of the problem that `fact` reports; None where it opens no ticket."""
        return self.rules.get(f"{fact.type}/{fact.impact}") or self.rules.get(fact.type)

    @cached_property
    def types(self) -> frozenset[str]:
        """CloudEvents types that make or move tickets."""
        reports = {name.partition("/")[0] for name in self.rules}
        return frozenset(f"careline.{type_}.v1" for type_ in reports | set(FOLLOW_UPS))


class InForce(NamedTuple):
    """A policy, and the version by which others know it."""

    policy: Policy
    version: str


InForceAt = Callable[[datetime], InForce]
"""The policy that was in force at an instant."""
