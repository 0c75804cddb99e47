"""How often customers of a tier are to be contacted (CARE-2), and days that playbooks begin on."""

import re
from datetime import date, timedelta
from functools import cached_property
from typing import Annotated, Self

from pydantic import AfterValidator, NonNegativeInt, PositiveInt, model_validator

from careline_contracts.events.scoring import Tier
from careline_engagement.policy.steps import When
from careline_engagement.policy.words import Evidence, Part

_DAY = re.compile(r"^(\d{4}|-)-(\d\d)-(\d\d)$")


def _a_day(text: str) -> str:
    """`--MM-DD` for every year, `YYYY-MM-DD` for one."""
    found = _DAY.match(text)
    if found is None:
        raise ValueError(f"{text!r} is neither --MM-DD nor YYYY-MM-DD")
    year, month, day = found.groups()
    date(2024 if year == "-" else int(year), int(month), int(day))
    return text


Day = Annotated[str, AfterValidator(_a_day)]


class Cadence(Part):
    """How often customers of a tier are to be contacted (CARE-2)."""

    at_most_days: PositiveInt
    """No more than so many days without a contact: later than that it is missed."""
    notice_days: NonNegativeInt = 0
    """So many days before, `moment/contact_due` comes: what it begins has until then."""

    @property
    def at_most(self) -> timedelta:
        return timedelta(days=self.at_most_days)

    @property
    def notice(self) -> timedelta:
        return timedelta(days=self.notice_days)

    @property
    def between(self) -> timedelta:
        """From a contact until the next is asked for."""
        return self.at_most - self.notice

    @model_validator(mode="after")
    def _leaves_time_between(self) -> Self:
        if self.between <= timedelta(0):
            raise ValueError("the notice is as long as what it is the notice of")
        return self


class Besides(Cadence):
    """How often whoever a condition fits is to be contacted, whatever their tier."""

    when: When

    @model_validator(mode="after")
    def _goes_by_what_scoring_says(self) -> Self:
        if self.when.attributes:
            raise ValueError("a cadence goes by what scoring says, not by the record's attributes")
        return self


class CadencePolicy(Part):
    """The interaction calendar."""

    tiers: dict[Tier, Cadence]
    besides: tuple[Besides, ...] = ()
    """Of all that fit a customer the shortest holds."""
    counts: Evidence
    """What counts as a contact, beside the outreach that went out."""

    @cached_property
    def goes_by(self) -> frozenset[str]:
        """The verdicts of scoring that may change how often somebody is to be contacted."""
        return frozenset({"tier"}.union(*(one.when.verdicts for one in self.besides)))
