"""SCO-1 in a policy: dimensions, their measures, and the curve from value to points."""

from decimal import Decimal
from itertools import groupby, pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeInt, model_validator

from careline_scoring.policy.parts import Days, EvidenceName, Part, Points


class Step(Part):
    """From this value on, so many points, up to the next step."""

    at_least: int
    points: Points


class Corner(Part):
    """A corner of a line: at this value, exactly so many points."""

    at: int
    points: Points


class Missing(Part):
    """The points of a measure for which there is no evidence."""

    points: Points


class MeasureBase(Part):
    """Points by value, in `steps` or along a `line`: straight from corner to corner.

    Below the first step or corner a value brings nothing; after the last it brings no more.
    """

    measure: str
    missing: Missing
    steps: tuple[Step, ...] = ()
    line: tuple[Corner, ...] = ()
    group: str | None = None
    """Measures of a group share its cap."""

    @property
    def curve(self) -> list[tuple[int, Decimal]]:
        """Each step or corner: from or at which value, how many points."""
        return [(step.at_least, step.points) for step in self.steps] + [
            (corner.at, corner.points) for corner in self.line
        ]

    @property
    def most_points(self) -> Decimal:
        return max(self.missing.points, *(points for _, points in self.curve), Decimal(0))

    @model_validator(mode="after")
    def one_curve_that_ascends(self) -> Self:
        if bool(self.steps) == bool(self.line) or len(self.line) == 1:
            raise ValueError(f"{self.measure}: either steps, or a line of at least two corners")
        if any(low >= high for (low, _), (high, _) in pairwise(self.curve)):
            raise ValueError(f"{self.measure}: the values of its curve must ascend")
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


class Group(Part):
    """Measures that look at one thing from several sides: together they bring so many at most."""

    at_most: Points


class Dimension(Part):
    weight: Annotated[int, Field(ge=0, le=100)]
    groups: dict[str, Group] = Field(default_factory=dict)
    measures: Annotated[tuple[Measure, ...], Field(min_length=1)]

    @property
    def blocks(self) -> list[tuple[Group | None, list[Measure]]]:
        """The measures in their order: each by itself, those of a group together."""
        found: list[tuple[Group | None, list[Measure]]] = []
        for name, members in groupby(self.measures, key=lambda measure: measure.group):
            if name is None:
                found += [(None, [measure]) for measure in members]
            else:
                found.append((self.groups[name], list(members)))
        return found

    @model_validator(mode="after")
    def groups_hold_what_they_cap(self) -> Self:
        named = [name for name, _ in groupby(m.group for m in self.measures) if name]
        if sorted(named) != sorted(self.groups):
            raise ValueError(
                "each group must be declared under groups, and its measures stand together: "
                f"declared {sorted(self.groups)}, used {named}"
            )
        for name, group in self.groups.items():
            most = sum(m.most_points for m in self.measures if m.group == name)
            if most <= group.at_most:
                raise ValueError(f"group {name} reaches {most} points: its cap never counts")
        return self

    @model_validator(mode="after")
    def measures_fill_the_weight(self) -> Self:
        most = sum(
            (group.at_most if group else sum(m.most_points for m in members))
            for group, members in self.blocks
        )
        if most != self.weight:
            raise ValueError(f"the measures reach {most} points, the weight is {self.weight}")
        return self
