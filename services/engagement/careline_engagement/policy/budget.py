"""The contact budget: how often, when and by whose leave a customer may be contacted (CARE-2)."""

from datetime import date, time, timedelta
from functools import cached_property
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from holidays import list_supported_countries
from pydantic import AfterValidator, Field, PositiveInt, model_validator

from careline_calendar.public_holidays import PublicHolidays
from careline_contracts.events.scoring import Tier
from careline_engagement.policy.words import Evidence, Flaw, Name, Part


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError) as error:
        raise ValueError(f"{name!r} is no time zone of the IANA database") from error
    return name


def _known_country(code: str) -> str:
    if code not in list_supported_countries():
        raise ValueError(f"{code!r} is no country whose holidays are known")
    return code


Zone = Annotated[str, AfterValidator(_known_zone)]
Country = Annotated[str, AfterValidator(_known_country)]


class Cap(Part):
    """No more than so many contacts in any stretch of so many days."""

    most: PositiveInt
    days: PositiveInt
    channel: Name | None = None
    """Only those over this channel; all together, if none is named."""
    tiers: frozenset[Tier] | None = None
    """Only for customers of these tiers; for all, if none is named."""

    @property
    def span(self) -> timedelta:
        return timedelta(days=self.days)


class QuietHours(Part):
    """From when to when nobody is contacted, where the customer is; may reach over midnight."""

    begin: time
    end: time

    @property
    def hours(self) -> float:
        """How long they last."""
        minutes = [t.hour * 60 + t.minute for t in (self.begin, self.end)]
        return ((minutes[1] - minutes[0]) % (24 * 60)) / 60


class Purpose(Part):
    """What a contact is for, and so whose leave it needs."""

    consent: Literal["given", "not_refused"]
    """`given`: only who has agreed; `not_refused`: all who haven't objected."""
    duty: bool = False
    """Owed to the customer: exempt from caps, quiet hours and holidays, and uses up none."""


class BudgetPolicy(Part):
    """One budget for all playbooks, channels and people."""

    caps: Annotated[tuple[Cap, ...], Field(min_length=1)]
    quiet_hours: QuietHours
    holidays_of: Country | None
    """On this country's public holidays nobody is contacted."""
    time_zone: Zone
    """Of customers of whom none is known."""
    by_people: Evidence
    """What people do that counts as a contact, beside the outreach that we ask for."""
    purposes: dict[Name, Purpose]

    def is_holiday(self, day: date) -> bool:
        """Whether `day` is a public holiday, or a weekend inside of one."""
        if self._holidays.kind(day) == "closed":
            return True
        weekday = day.weekday()
        if weekday < 5 or self._holidays.kind(day) == "make_up":
            return False
        friday, monday = (day + timedelta(days=n - weekday) for n in (4, 7))
        return all(self._holidays.kind(one) == "closed" for one in (friday, monday))

    def caps_on(self, channel: str, tier: str | None) -> list[Cap]:
        """The caps that hold for a contact over a channel with a customer of a tier."""
        return [
            cap
            for cap in self.caps
            if cap.channel in (None, channel) and (cap.tiers is None or tier in cap.tiers)
        ]

    def is_duty(self, purpose: str) -> bool:
        """Whether a contact for this purpose is owed, and so uses up nothing."""
        return purpose in self.purposes and self.purposes[purpose].duty

    @cached_property
    def _holidays(self) -> PublicHolidays:
        return PublicHolidays(self.holidays_of, {})

    @property
    def longest(self) -> timedelta:
        return max(cap.span for cap in self.caps)

    @model_validator(mode="after")
    def _caps_can_be_told_apart(self) -> Self:
        for n, cap in enumerate(self.caps):
            for other in self.caps[:n]:
                if (other.channel, other.tiers) != (cap.channel, cap.tiers):
                    continue
                if (cap.days > other.days) != (cap.most > other.most) or cap.days == other.days:
                    raise Flaw(
                        f"{cap.most} in {cap.days} days says nothing beside "
                        f"{other.most} in {other.days} days",
                        *("caps", n),
                    )
        if self.quiet_hours.hours == 0:
            raise Flaw("quiet hours that begin when they end leave no hour", "quiet_hours")
        return self
