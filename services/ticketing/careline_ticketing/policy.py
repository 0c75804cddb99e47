"""The shape of a ticketing policy: levels, promises, working hours, and what is one problem."""

from collections.abc import Mapping
from datetime import date, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from holidays import list_supported_countries
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveInt,
    model_validator,
)

from careline_contracts.events.ticketing import Level, Target, TicketKind
from careline_contracts.events.touchpoints import CHANNEL_EVENTS, FaultReported
from careline_ticketing.calendar import Hours, WorkingCalendar
from careline_ticketing.model import FOLLOW_UPS, Fact, KeptBy
from careline_ticketing.public_holidays import PublicHolidays, YearTable

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_SHORT_TYPES = frozenset(
    event.type.removeprefix("careline.").removesuffix(".v1") for event in CHANNEL_EVENTS
)
_IMPACTS = FaultReported.model_json_schema()["properties"]["impact"]["enum"]


def _minutes(text: str) -> int:
    hour, _, minute = text.partition(":")
    if not (len(hour) == len(minute) == 2 and (hour + minute).isdigit() and int(minute) < 60):
        raise ValueError(f"{text!r} is not a time of day like 09:30")
    return int(hour) * 60 + int(minute)


def _hours(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    opens, _, closes = value.partition("-")
    hours = Hours(_minutes(opens), _minutes(closes))
    if not hours.opens < hours.closes <= 24 * 60:
        raise ValueError(f"{value!r} does not open before it closes, within one day")
    return hours


def _in_order(day: tuple[Hours, ...]) -> tuple[Hours, ...]:
    for earlier, later in pairwise(day):
        if later.opens < earlier.closes:
            raise ValueError("the ranges of a day overlap or are not in order")
    return day


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{name!r} is not a time zone of the IANA database") from error
    return name


def _known_country(code: str) -> str:
    if code not in list_supported_countries():
        raise ValueError(f"the holidays library does not know the country {code!r}")
    return code


def _known_report(name: str) -> str:
    type_, _, impact = name.partition("/")
    if type_ not in _SHORT_TYPES or type_ in FOLLOW_UPS:
        raise ValueError(f"no channel reports a problem by careline.{type_}.v1")
    if impact and (type_ != "fault.reported" or impact not in _IMPACTS):
        raise ValueError(f"{type_} has no impact {impact!r}")
    return name


DayHours = Annotated[
    tuple[Annotated[Hours, BeforeValidator(_hours)], ...], AfterValidator(_in_order)
]


class Part(BaseModel):
    """Base of everything in a policy: frozen, and a misspelt name is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Exceptions(Part):
    """The days of one year that are not what their weekday says."""

    closed: frozenset[date]
    make_up: frozenset[date]


class Calendar(Part):
    """The desk's week and the exceptions to it."""

    time_zone: Annotated[str, AfterValidator(_known_zone)]
    week: dict[Weekday, DayHours]
    country: Annotated[str, AfterValidator(_known_country)] | None = None
    years: dict[Annotated[int, Field(ge=1970, le=2100)], Exceptions] = {}
    make_up_hours_of: Weekday = "mon"

    @model_validator(mode="after")
    def _is_a_calendar(self) -> Self:
        if missing := [day for day in WEEKDAYS if day not in self.week]:
            raise ValueError(f"no hours for {', '.join(missing)}; a closed day is []")
        if not any(self.week.values()):
            raise ValueError("the desk is never open")
        for year, table in self.years.items():
            if strangers := [day for day in table.closed | table.make_up if day.year != year]:
                raise ValueError(f"{min(strangers)} is listed under {year}")
            if both := table.closed & table.make_up:
                raise ValueError(f"{min(both)} is both closed and worked")
        return self

    @cached_property
    def holidays(self) -> PublicHolidays | None:
        """The country's exceptional days; the policy's own years win over the library's."""
        tables = {year: YearTable(t.closed, t.make_up) for year, t in self.years.items()}
        return PublicHolidays(self.country, tables) if self.country else None

    @cached_property
    def working(self) -> WorkingCalendar:
        """The calendar to compute with."""
        return WorkingCalendar(ZoneInfo(self.time_zone), self.hours_on)

    def hours_on(self, day: date) -> tuple[Hours, ...]:
        """The ranges in which the desk is open on a local date."""
        kind = self.holidays.kind(day) if self.holidays else "usual"
        if kind == "closed":
            return ()
        weekday = self.make_up_hours_of if kind == "make_up" else WEEKDAYS[day.weekday()]
        return self.week[weekday]


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
