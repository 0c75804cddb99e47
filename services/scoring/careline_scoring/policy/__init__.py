"""The shape of a scoring policy: what a valid one must say, so that every number is meant.

`policy.yaml` beside this package is the handbooks' policy; docs/scoring.md says how numbers count.
"""

from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import Field, model_validator

from careline_scoring.policy.kpis import KpiName, Target
from careline_scoring.policy.parts import EvidenceName, Flaw, Kind, Part, Rate, TimeZone
from careline_scoring.policy.score import Dimension, Measure
from careline_scoring.policy.tags import Tags
from careline_scoring.policy.tier import TierRule


class Money(Part):
    """The currency in which spend is counted, and how others convert into it."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    minor_digits: Annotated[int, Field(ge=0, le=4)]
    rates: dict[Annotated[str, Field(pattern=r"^[A-Z]{3}$")], Rate]
    """Minor units of `currency` for one minor unit of the other."""


class Evidence(Part):
    """Which kinds of fact count as what. The named ones are used by rules, `other` by measures."""

    purchase: tuple[Kind, ...]
    refund: tuple[Kind, ...]
    contact: tuple[Kind, ...]
    interest: tuple[Kind, ...]
    enquiry: tuple[Kind, ...]
    complaint: tuple[Kind, ...]
    other: dict[EvidenceName, tuple[Kind, ...]] = Field(default_factory=dict)

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
    kpis: dict[KpiName, Target] = Field(default_factory=dict)
    """KPI-1: targets of the monthly review."""

    @model_validator(mode="after")
    def weights_sum_to_100(self) -> Self:
        total = sum(dimension.weight for dimension in self.score.values())
        if total != 100:
            raise ValueError(f"the weights sum to {total}, not 100")
        return self

    @model_validator(mode="after")
    def measures_are_named_once_and_have_evidence(self) -> Self:
        known = self.evidence.by_name()
        for tag in type(self.tags.preferences).model_fields:
            for n, wanted in enumerate(getattr(self.tags.preferences, tag).of):
                if wanted not in known:
                    text = f"{tag}: there is no evidence {wanted!r}"
                    raise Flaw(text, "tags", "preferences", tag, "of", n)
        named = set[str]()
        for place, measure in self._measures():
            if measure.measure in named:
                raise Flaw("two measures have the same name", *place, "measure")
            named.add(measure.measure)
            for role in ("of", "part", "by"):
                wanted = getattr(measure, role, None)
                if wanted is not None and wanted not in known:
                    text = f"{measure.measure}: there is no evidence {wanted!r}"
                    raise Flaw(text, *place, role)
        return self

    def _measures(self) -> Iterator[tuple[tuple[str | int, ...], Measure]]:
        """Each measure, and where in the file it stands."""
        for name, dimension in self.score.items():
            for n, measure in enumerate(dimension.measures):
                yield ("score", name, "measures", n), measure
