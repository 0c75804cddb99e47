"""What every part of a policy is made of: strict, frozen, and in numbers that stay exact."""

from decimal import Decimal
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from careline_contracts.events.ticketing import TicketBreached, TicketRated
from careline_contracts.events.touchpoints import CHANNEL_EVENTS, OutreachAnswered
from careline_contracts.payload import Payload, short_type
from careline_scoring.model import variants_of

_HEARD: tuple[type[Payload], ...] = (
    *CHANNEL_EVENTS,
    OutreachAnswered,
    TicketBreached,
    TicketRated,
)
_SHORT_TYPES = frozenset(short_type(event.type) for event in _HEARD)


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{name!r} is not a time zone of the IANA database") from error
    return name


def _known_kind(kind: str) -> str:
    name, _, variant = kind.partition("/")
    if name not in _SHORT_TYPES:
        raise ValueError(f"nobody says careline.{name}.v1")
    variants = variants_of(name)
    if variant and variant not in variants:
        raise ValueError(f"{name} has no variant {variant!r}: {', '.join(variants) or 'none'}")
    return kind


TimeZone = Annotated[str, AfterValidator(_known_zone)]
Kind = Annotated[str, AfterValidator(_known_kind)]
Points = Annotated[Decimal, Field(ge=0, le=100, decimal_places=2)]
Days = Annotated[int, Field(ge=1, le=3660)]
Percent = Annotated[int, Field(ge=1, le=100)]
Rate = Annotated[Decimal, Field(gt=0, decimal_places=4)]
EvidenceName = str


class Flaw(ValueError):
    """Something wrong further down than where it was noticed: `at` leads to its line."""

    def __init__(self, text: str, *at: str | int) -> None:
        super().__init__(text)
        self.at = at


class Part(BaseModel):
    """Base of everything in a policy: frozen, and a misspelt name is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
