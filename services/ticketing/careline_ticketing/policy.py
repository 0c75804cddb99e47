"""The shape of a ticketing policy: levels, promises, working hours, and what is one problem."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Annotated, NamedTuple, Self, get_args
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from careline_calendar.definition import Calendar, Part
from careline_calendar.working import AROUND_THE_CLOCK, Timetable
from careline_contracts.events.ticketing import Level, Party, Target, TicketKind
from careline_contracts.events.touchpoints import CHANNEL_EVENTS, FaultReported
from careline_contracts.payload import short_type
from careline_ticketing.model import FOLLOW_UPS, Fact, KeptBy

_SHORT_TYPES = frozenset(short_type(event.type) for event in CHANNEL_EVENTS)
_IMPACTS = FaultReported.model_json_schema()["properties"]["impact"]["enum"]


def _known_report(name: str) -> str:
    type_, _, impact = name.partition("/")
    if type_ not in _SHORT_TYPES or type_ in FOLLOW_UPS:
        raise ValueError(f"no channel reports a problem by careline.{type_}.v1")
    if impact and (type_ != "fault.reported" or impact not in _IMPACTS):
        raise ValueError(f"{type_} has no impact {impact!r}")
    return name


LEVELS = frozenset(get_args(Level))
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


class Pauses(Part):
    """What a pause may not be used for, and what whoever comes back from one is spared."""

    doubtful_minutes: PositiveInt
    grace_minutes: NonNegativeInt

    @property
    def doubtful(self) -> timedelta:
        return timedelta(minutes=self.doubtful_minutes)

    @property
    def grace(self) -> timedelta:
        return timedelta(minutes=self.grace_minutes)


class EscalationStep(Part):
    """Who is to act on a broken promise, and within what time, before it goes further up."""

    to: str
    within_minutes: PositiveInt

    @property
    def within(self) -> timedelta:
        return timedelta(minutes=self.within_minutes)


class Escalation(Part):
    """The chain that a broken promise goes up; the steps' time runs on `hours`."""

    hours: str
    chain: tuple[EscalationStep, ...]


class Digests(Part):
    """How people hear of warnings, breaches and escalations: together, in their working hours."""

    every_minutes: PositiveInt
    hours: str
    at_once: frozenset[Level]
    unheld: str

    @property
    def every(self) -> timedelta:
        return timedelta(minutes=self.every_minutes)


class Team(Part):
    """Which kinds of tickets a team works on, and who hears when nobody of it can."""

    kinds: tuple[TicketKind, ...]
    on_call: str


class Leave(Part):
    """Whole days on which an agent is away."""

    first: date
    last: date


class Agent(Part):
    """Somebody who works on tickets."""

    team: str
    skills: frozenset[str] = frozenset()
    """Categories and products."""
    capacity: PositiveInt
    hours: str
    leave: tuple[Leave, ...] = ()
    is_absent: bool = False
    """Until further notice."""

    def boundaries(self, zone: ZoneInfo) -> Iterator[datetime]:
        """The instants at which a leave begins or is over."""
        for leave in self.leave:
            for day in (leave.first, leave.last + timedelta(days=1)):
                yield datetime.combine(day, time(), zone)


class AccountManager(Part):
    """What falls to the account manager whom a customer's record names."""

    takes: frozenset[TicketKind]
    """Kinds of tickets that are theirs before anybody else's while they can take one."""
    hears_of_opened: frozenset[Level]
    reminded_from_step: PositiveInt


class Lanes(Part):
    """Head starts in the queue, in hours."""

    level_hours: dict[Level, NonNegativeInt]
    tier_hours: dict[str, NonNegativeInt]
    care_hours: dict[str, NonNegativeInt] = Field(default_factory=dict)
    """By the special care that the record names (TAG-4); of several the most."""


class KpiTargets(Part):
    """What a month of tickets is held against (KPI-1); nothing is decided by it."""

    response_hours_at_most: Annotated[Decimal, Field(gt=0)]
    complaint_satisfaction_at_least: Annotated[Decimal, Field(ge=0, le=1)]


class CrisisGrade(Part):
    """How many customers, and how heavy together, make a crisis of this grade; 1 is the gravest."""

    grade: PositiveInt
    customers: PositiveInt
    weight: PositiveFloat
    owner: str


class CrisisRules(Part):
    """When many customers have one problem."""

    window_minutes: PositiveInt
    alike_percent: Annotated[int, Field(ge=1, le=100)]
    worth: dict[str, PositiveFloat]
    """What a customer of a tier is worth, against a basic one."""
    worth_unknown: PositiveFloat
    urgency: dict[Level, PositiveFloat]
    grades: tuple[CrisisGrade, ...]
    notice_en: str
    notice_zh: str

    @property
    def window(self) -> timedelta:
        return timedelta(minutes=self.window_minutes)

    @property
    def fewest(self) -> int:
        """The least number of customers that can make a crisis."""
        return min((grade.customers for grade in self.grades), default=1)


Percent = Annotated[int, Field(ge=1, le=99)]


def _rising(percents: tuple[int, ...]) -> tuple[int, ...]:
    if list(percents) != sorted(set(percents)):
        raise ValueError("the per cents are not in rising order")
    return percents


class Policy(Part):
    """Everything that the business may argue about."""

    version: str
    calendars: dict[str, Calendar]
    rules: Mapping[Annotated[str, AfterValidator(_known_report)], Rule]
    promises: dict[str, tuple[Promise, ...]]
    levels: dict[Level, str]
    same_problem: SameProblem
    reopening: Reopening
    pauses: Pauses
    warnings: dict[Level, Annotated[tuple[Percent, ...], AfterValidator(_rising)]]
    escalation: dict[Level, Escalation]
    digests: Digests
    crisis: CrisisRules
    teams: dict[str, Team]
    agents: dict[str, Agent]
    account_manager: AccountManager
    lanes: Lanes
    kpis: KpiTargets

    @model_validator(mode="after")
    def _rules_have_promises(self) -> Self:
        wanted = {f"rule {name}": rule.promises for name, rule in self.rules.items()}
        wanted |= {f"level {level}": name for level, name in self.levels.items()}
        for who, name in wanted.items():
            if name not in self.promises:
                raise ValueError(f"{who}: there are no promises called {name!r}")
        return self

    @model_validator(mode="after")
    def _no_level_is_missing(self) -> Self:
        for by_level in (self.levels, self.warnings, self.escalation, self.crisis.urgency):
            if missing := LEVELS - by_level.keys():
                raise ValueError(f"{min(missing)} is missing beside {', '.join(by_level)}")
        return self

    @model_validator(mode="after")
    def _hours_are_calendars(self) -> Self:
        hours = {p.hours for promises in self.promises.values() for p in promises}
        hours |= {agent.hours for agent in self.agents.values()}
        hours |= {chain.hours for chain in self.escalation.values()} | {self.digests.hours}
        if strange := hours - {ALWAYS, *self.calendars}:
            raise ValueError(f"there is no calendar called {min(strange)!r}")
        return self

    @model_validator(mode="after")
    def _kinds_and_agents_have_teams(self) -> Self:
        kinds = {kind for team in self.teams.values() for kind in team.kinds}
        if missing := set(get_args(TicketKind)) - kinds:
            raise ValueError(f"no team works on {min(missing)}")
        for name, agent in self.agents.items():
            if agent.team not in self.teams:
                raise ValueError(f"agent {name}: there is no team called {agent.team!r}")
        return self

    @model_validator(mode="after")
    def _a_target_is_promised_once(self) -> Self:
        for name, promises in self.promises.items():
            targets = [promise.target for promise in promises]
            if len(targets) > len(set(targets)):
                raise ValueError(f"{name} promises a target twice")
        return self

    def team_of(self, kind: TicketKind) -> str:
        """The team that works on tickets of this kind."""
        return next(name for name, team in self.teams.items() if kind in team.kinds)

    def zone_of(self, hours: str) -> ZoneInfo:
        """The time zone in which a calendar's days begin."""
        return ZoneInfo("UTC" if hours == ALWAYS else self.calendars[hours].time_zone)

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
