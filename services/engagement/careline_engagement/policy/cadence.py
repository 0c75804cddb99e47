"""How often customers of a tier are to be contacted (CARE-2), and days that playbooks begin on."""

import re
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, PositiveInt

from careline_contracts.events.scoring import Tier
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
    """No more than so many days without a contact: then one is due."""


class CadencePolicy(Part):
    """The interaction calendar."""

    tiers: dict[Tier, Cadence]
    counts: Evidence
    """What counts as a contact, beside the outreach that went out."""
