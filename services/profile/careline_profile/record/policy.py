"""The form of the record's policy: which fields there are, their form, and who is believed."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PositiveInt, model_validator

from careline_contracts.events.touchpoints import FieldName
from careline_profile.record.model import CONSENTS, CONTRACTS
from careline_runtime.policy import Policy


def _is_a_pattern(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from error
    return pattern


Pattern = Annotated[str, AfterValidator(_is_a_pattern)]


class FieldPolicy(Policy):
    """One field of the record."""

    form: Literal["text", "choice", "date", "language", "time_zone"] = "text"
    merge: Literal["latest", "earliest", "most_trusted", "collect"] = "latest"
    """Which of several facts holds: by when it was true, by who says so, or all of them."""
    personal: bool = False
    """Sealed at rest, and answered to those alone who may see it."""
    shares: Literal["nothing", "value", "month_and_day"] = "nothing"
    """What of it other services may know (`attributes` on `careline.customers.v1`)."""
    choices: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Of the form `choice`: each value, and how else it is spelt."""
    pattern: Pattern | None = None
    """Of the form `text`: what the whole value must match."""
    expected_of: Literal["nobody", "everyone", "individual", "company"] = "nobody"
    """Whose record is incomplete without it."""
    fresh_days: PositiveInt | None = None
    """After so long without being said again it may be out of date."""

    @model_validator(mode="after")
    def _fits_together(self) -> "FieldPolicy":
        if (self.form == "choice") != bool(self.choices):
            raise ValueError("a field of the form choice, and no other, has choices")
        if self.pattern and self.form != "text":
            raise ValueError("only a text has a pattern")
        if self.personal and self.shares == "value":
            raise ValueError("a personal value is not for other services")
        if self.shares == "month_and_day" and self.form != "date":
            raise ValueError("only a date has a month and a day")
        return self


class RecordPolicy(Policy):
    """What is on a record, and whom it believes."""

    trusted_sources: tuple[str, ...]
    """Beginnings of sources, the most trusted first; a verified value is above all of them."""
    fields: dict[FieldName, FieldPolicy]

    @model_validator(mode="after")
    def _leaves_what_has_events_of_its_own(self) -> "RecordPolicy":
        taken = {CONSENTS, CONTRACTS} & self.fields.keys()
        if taken:
            raise ValueError(f"{', '.join(sorted(taken))}: filled by events of their own")
        return self
