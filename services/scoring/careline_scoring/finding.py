"""Who carries which verdicts and tags: the question, and a page of customers that answers it."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Annotated, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from careline_contracts.events.scoring import Need, Risk, TagName, Tier, Value
from careline_scoring.queries import Listed
from careline_scoring.rules import as_points


def _tag_and_value(said: str) -> str:
    """Raises `ValueError` for what is not a tag of TAG-4, a colon and a value."""
    name, _, value = said.partition(":")
    if name not in get_args(TagName):
        raise ValueError(f"{name!r} is no tag; there are {', '.join(get_args(TagName))}")
    if not value:
        raise ValueError(f"{said!r} names no value of {name}, as region:east does of region")
    return said


Line = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]
"""What PostgreSQL takes as text."""
Carried = Annotated[Line, AfterValidator(_tag_and_value)]


class Wanted(BaseModel):
    """What a customer must be and carry, all of it; nothing wanted is everybody who has a score."""

    # a misspelt criterion would find everybody
    model_config = ConfigDict(extra="forbid")

    tier: Tier | None = None
    value: Value | None = None
    need: Need | None = None
    risk: Risk | None = None
    tag: Annotated[list[Carried], Field(max_length=10, description="`product:broadband`")] = []
    after: Line = ""
    """The `next` of the page before."""
    limit: Annotated[int, Field(ge=1, le=500)] = 50
    """How many at most."""

    @property
    def verdicts(self) -> dict[str, str | None]:
        """By name; None: any."""
        return self.model_dump(include={"tier", "value", "need", "risk"})

    @property
    def tags(self) -> dict[str, list[str]]:
        """By tag, the values that must be carried."""
        tags: dict[str, list[str]] = {}
        for one in self.tag:
            name, _, value = one.partition(":")
            tags.setdefault(name, []).append(value)
        return tags


class FoundView(BaseModel):
    """A customer who has it all, as last published."""

    customer: str
    as_of: datetime
    total: Decimal
    tier: Tier
    value: Value
    need: Need
    risk: Risk
    tags: dict[TagName, tuple[str, ...]]


class FoundPage(BaseModel):
    """Customers in the order of numbers: fewer than asked for, perhaps none, though more follow."""

    customers: list[FoundView]
    next: str | None
    """The `after` of the page that follows; null: there is none."""


def page(found: Iterable[Listed], following: str | None) -> FoundPage:
    """The page of these customers."""
    return FoundPage(customers=[_view(one) for one in found], next=following)


def _view(found: Listed) -> FoundView:
    return FoundView(
        customer=found.number,
        as_of=found.as_of,
        total=as_points(found.hundredths),
        tier=found.tier,
        value=found.value,
        need=found.need,
        risk=found.risk,
        tags=dict(found.tags),
    )
