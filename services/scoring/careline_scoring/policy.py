"""The shape of a scoring policy: what a valid one must say, so that every number is meant.

`policy.yaml` beside this file is the handbooks' policy; docs/scoring.md says how numbers count.
"""

from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    model_validator,
)

from careline_contracts.events.scoring import Tier
from careline_contracts.events.touchpoints import CHANNEL_EVENTS
from careline_scoring.model import TIERS, VARIANTS

_SHORT_TYPES = frozenset(
    event.type.removeprefix("careline.").removesuffix(".v1") for event in CHANNEL_EVENTS
)

_RANK = {tier: rank for rank, tier in enumerate(TIERS)}


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{name!r} is not a time zone of the IANA database") from error
    return name


def _known_kind(kind: str) -> str:
    name, _, variant = kind.partition("/")
    if name not in _SHORT_TYPES:
        raise ValueError(f"no channel says careline.{name}.v1")
    variants = VARIANTS[name][0] if name in VARIANTS else ()
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


class Part(BaseModel):
    """Base of everything in a policy: frozen, and a misspelt name is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Money(Part):
    """The currency in which spend is counted, and how others convert into it."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    minor_digits: Annotated[int, Field(ge=0, le=4)]
    rates: dict[Annotated[str, Field(pattern=r"^[A-Z]{3}$")], Rate]
    """Minor units of `currency` for one minor unit of the other."""


class Step(Part):
    """From this value on, so many points, up to the next step."""

    at_least: int
    points: Points


class Missing(Part):
    """The points of a measure for which there is no evidence."""

    points: Points


class MeasureBase(Part):
    measure: str
    missing: Missing
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]

    @property
    def most_points(self) -> Decimal:
        return max(self.missing.points, *(step.points for step in self.steps), Decimal(0))

    @model_validator(mode="after")
    def steps_ascend(self) -> Self:
        if any(low.at_least >= high.at_least for low, high in pairwise(self.steps)):
            raise ValueError(f"{self.measure}: at_least must ascend from step to step")
        return self


class NetSpend(MeasureBase):
    """Purchases less returns within the window; steps in minor units."""

    how: Literal["net_spend"]
    window_days: Days


class AverageOrder(MeasureBase):
    """Net spend per purchase within the window; steps in minor units."""

    how: Literal["average_order"]
    window_days: Days


class Count(MeasureBase):
    """How often the evidence occurred within the window."""

    how: Literal["count"]
    of: EvidenceName
    window_days: Days


class Repurchases(MeasureBase):
    """Purchases within the window, without the customer's very first one."""

    how: Literal["repurchases"]
    window_days: Days


class Tenure(MeasureBase):
    """Days since the first contact."""

    how: Literal["tenure"]


class Share(MeasureBase):
    """How many percent of `of` were `part` within the window, rounded down."""

    how: Literal["share"]
    part: EvidenceName
    of: EvidenceName
    window_days: Days


class Answered(MeasureBase):
    """How many percent of the days with `of` in the window saw `by` within so many days."""

    how: Literal["answered"]
    of: EvidenceName
    by: EvidenceName
    within_days: NonNegativeInt
    window_days: Days

    @model_validator(mode="after")
    def answers_fit_the_window(self) -> Self:
        if self.within_days >= self.window_days:
            raise ValueError(f"{self.measure}: within_days must be less than window_days")
        return self


Measure = Annotated[
    NetSpend | AverageOrder | Count | Repurchases | Tenure | Share | Answered,
    Field(discriminator="how"),
]


class Dimension(Part):
    weight: Annotated[int, Field(ge=0, le=100)]
    measures: Annotated[tuple[Measure, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def measures_fill_the_weight(self) -> Self:
        most = sum(measure.most_points for measure in self.measures)
        if most != self.weight:
            raise ValueError(f"the measures reach {most} points, the weight is {self.weight}")
        return self


class ValueRule(Part):
    """TAG-1: from which total a customer is of high or of potential value."""

    high_at_least: Points
    potential_at_least: Points

    @model_validator(mode="after")
    def high_is_above_potential(self) -> Self:
        if self.high_at_least <= self.potential_at_least:
            raise ValueError("high_at_least must be above potential_at_least")
        return self


class Often(Part):
    at_least: PositiveInt
    window_days: Days


class Window(Part):
    window_days: Days


class Silence(Part):
    silent_days: Days


class NeedRule(Part):
    """TAG-2: enquiring often, interested but not buying, or silent."""

    active: Often
    latent: Window
    dormant: Silence


class SpendFall(Part):
    window_days: Days
    minimum_previous_minor: PositiveInt
    high_percent: Percent
    medium_percent: Percent

    @model_validator(mode="after")
    def high_is_above_medium(self) -> Self:
        if self.high_percent <= self.medium_percent:
            raise ValueError("high_percent must be above medium_percent")
        return self


class Complaints(Part):
    window_days: Days
    high_at_least: PositiveInt
    medium_at_least: PositiveInt

    @model_validator(mode="after")
    def high_is_above_medium(self) -> Self:
        if self.high_at_least <= self.medium_at_least:
            raise ValueError("high_at_least must be above medium_at_least")
        return self


class RiskRule(Part):
    """TAG-3: signs that a customer is about to leave."""

    spend_fall: SpendFall
    complaints: Complaints


class Tags(Part):
    value: ValueRule
    need: NeedRule
    risk: RiskRule


class ValueClasses(Part):
    """By net spend within the window, in minor units; below `mid_at_least_minor` is low."""

    window_days: Days
    high_at_least_minor: PositiveInt
    mid_at_least_minor: PositiveInt

    @model_validator(mode="after")
    def high_is_above_mid(self) -> Self:
        if self.high_at_least_minor <= self.mid_at_least_minor:
            raise ValueError("high_at_least_minor must be above mid_at_least_minor")
        return self


class Stickiness(Part):
    """By repurchases within the window."""

    window_days: Days
    high_at_least: PositiveInt


class MatrixRow(Part):
    high: Tier
    low: Tier


class Matrix(Part):
    """The tier for each value class (row) and stickiness (column)."""

    high: MatrixRow
    mid: MatrixRow
    low: MatrixRow

    @model_validator(mode="after")
    def more_is_never_worse(self) -> Self:
        for better, worse in ((self.high, self.mid), (self.mid, self.low)):
            if _RANK[better.high] < _RANK[worse.high] or _RANK[better.low] < _RANK[worse.low]:
                raise ValueError("a higher value class must not lead to a lower tier")
        if any(_RANK[row.high] < _RANK[row.low] for row in (self.high, self.mid, self.low)):
            raise ValueError("more stickiness must not lead to a lower tier")
        return self


class TierRule(Part):
    """TIER-1: value times stickiness, down only after the lower verdict held for a while."""

    value: ValueClasses
    stickiness: Stickiness
    matrix: Matrix
    hold_days: Days


class Evidence(Part):
    """Which kinds of fact count as what. The named ones are used by rules, `other` by measures."""

    purchase: tuple[Kind, ...]
    refund: tuple[Kind, ...]
    contact: tuple[Kind, ...]
    interest: tuple[Kind, ...]
    enquiry: tuple[Kind, ...]
    complaint: tuple[Kind, ...]
    other: dict[EvidenceName, tuple[Kind, ...]] = {}

    def by_name(self) -> dict[EvidenceName, tuple[Kind, ...]]:
        """All evidence, the named and the other."""
        named: dict[EvidenceName, tuple[Kind, ...]] = {
            name: getattr(self, name) for name in type(self).model_fields if name != "other"
        }
        return named | self.other


class ScoringPolicy(Part):
    """A whole scoring policy."""

    version: Annotated[str, Field(min_length=1, max_length=60)]
    time_zone: TimeZone
    money: Money
    evidence: Evidence
    score: Annotated[dict[str, Dimension], Field(min_length=1)]
    tags: Tags
    tier: TierRule

    @model_validator(mode="after")
    def weights_sum_to_100(self) -> Self:
        total = sum(dimension.weight for dimension in self.score.values())
        if total != 100:
            raise ValueError(f"the weights sum to {total}, not 100")
        return self

    @model_validator(mode="after")
    def measures_are_named_once_and_have_evidence(self) -> Self:
        measures = [m for dimension in self.score.values() for m in dimension.measures]
        names = [measure.measure for measure in measures]
        if len(set(names)) < len(names):
            raise ValueError("two measures have the same name")
        known = self.evidence.by_name()
        for measure in measures:
            for role in ("of", "part", "by"):
                wanted = getattr(measure, role, None)
                if wanted is not None and wanted not in known:
                    raise ValueError(f"{measure.measure}: there is no evidence {wanted!r}")
        return self
