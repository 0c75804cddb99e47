"""How a person writes a working calendar down: a time zone, weeks, a country, exceptional days.

The past of a calendar is never rewritten: new hours are a new week with the date `from` which it
holds, so a deadline that lies behind us comes out the same for ever.
"""

from datetime import date
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from holidays import list_supported_countries
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from careline_calendar.public_holidays import PublicHolidays, YearTable
from careline_calendar.working import Hours, WorkingCalendar

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


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


DayHours = Annotated[
    tuple[Annotated[Hours, BeforeValidator(_hours)], ...], AfterValidator(_in_order)
]
TimeZone = Annotated[str, AfterValidator(_known_zone)]


class Part(BaseModel):
    """Base of everything that is written down here: frozen, and a misspelt name is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Exceptions(Part):
    """The days of one year that are not what their weekday says."""

    closed: frozenset[date] = frozenset()
    make_up: frozenset[date] = frozenset()


class Week(Part):
    """The hours of each weekday, from a date on; a closed day is `[]`."""

    since: date = Field(alias="from")
    mon: DayHours
    tue: DayHours
    wed: DayHours
    thu: DayHours
    fri: DayHours
    sat: DayHours
    sun: DayHours
    make_up: DayHours
    """The hours of a make-up working day."""

    @model_validator(mode="after")
    def _has_hours(self) -> Self:
        if not any(self.on(day) for day in range(7)):
            raise ValueError("the desk is never open")
        return self

    def on(self, weekday: int) -> tuple[Hours, ...]:
        """The hours of a weekday; Monday is 0."""
        return (self.mon, self.tue, self.wed, self.thu, self.fri, self.sat, self.sun)[weekday]


def _each_from_its_date(weeks: tuple[Week, ...]) -> tuple[Week, ...]:
    for earlier, later in pairwise(weeks):
        if later.since <= earlier.since:
            raise ValueError("the weeks are not in order of `from`")
    return weeks


class Calendar(Part):
    """One desk's working hours, now and before."""

    time_zone: TimeZone
    country: Annotated[str, AfterValidator(_known_country)] | None = None
    """Whose public holidays and make-up working days hold."""
    years: dict[Annotated[int, Field(ge=1970, le=2100)], Exceptions] = {}
    """Whole years of exceptional days, in place of the country's."""
    weeks: Annotated[tuple[Week, ...], Field(min_length=1), AfterValidator(_each_from_its_date)]

    @model_validator(mode="after")
    def _days_are_in_their_year(self) -> Self:
        for year, table in self.years.items():
            if strangers := [day for day in table.closed | table.make_up if day.year != year]:
                raise ValueError(f"{min(strangers)} is listed under {year}")
            if both := table.closed & table.make_up:
                raise ValueError(f"{min(both)} is both closed and worked")
        return self

    @cached_property
    def holidays(self) -> PublicHolidays:
        """The exceptional days; the calendar's own years win over the country's."""
        tables = {year: YearTable(t.closed, t.make_up) for year, t in self.years.items()}
        return PublicHolidays(self.country, tables)

    @cached_property
    def working(self) -> WorkingCalendar:
        """The calendar to compute with."""
        return WorkingCalendar(ZoneInfo(self.time_zone), self.hours_on)

    def hours_on(self, day: date) -> tuple[Hours, ...]:
        """The ranges in which the desk is open on a local date."""
        week = self.week_on(day)
        match self.holidays.kind(day):
            case "closed":
                return ()
            case "make_up":
                return week.make_up
            case "usual":
                return week.on(day.weekday())

    def week_on(self, day: date) -> Week:
        """The week that holds on a date; before all of them, the first."""
        held = [week for week in self.weeks if week.since <= day]
        return held[-1] if held else self.weeks[0]
