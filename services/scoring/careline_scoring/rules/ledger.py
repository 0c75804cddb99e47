"""A score taken apart: for each measure its evidence, the piece of curve, the points, their end.

The points of the contributions sum to the total exactly.
"""

from typing import NamedTuple

from careline_scoring.model import AMOUNT_SCALE, History
from careline_scoring.policy.score import AverageOrder, Measure, NetSpend, Tenure
from careline_scoring.rules.curves import Segment, curve_of, segment
from careline_scoring.rules.decision import Rulebook
from careline_scoring.rules.measures import evidence_of

UNITS = {
    "net_spend": "minor_units",
    "average_order": "minor_units",
    "count": "times",
    "repurchases": "times",
    "tenure": "days",
    "share": "percent",
    "answered": "percent",
}
"""What the value of a measure counts, by how it is counted."""


class Entry(NamedTuple):
    """What one measure brings."""

    dimension: str
    measure: Measure
    value: int | None
    points: int
    """Hundredths that count."""
    change_day: int
    days: tuple[int, int] | None
    """The first and the last day with evidence that counts."""
    segment: Segment | None


def ledger(rulebook: Rulebook, history: History, day: int) -> list[Entry]:
    """All that a score consists of, in the order of the policy."""
    readings = rulebook.readings(history, day)
    return [
        Entry(
            dimension,
            measure,
            *reading,
            days=None if reading.value is None else _days(measure, history, day),
            segment=None if reading.value is None else _segment(measure, reading.value),
        )
        for (dimension, measure), reading in zip(rulebook.measures, readings, strict=True)
    ]


def kinds_of(rulebook: Rulebook, measure: Measure) -> tuple[str, ...]:
    """The kinds of fact on which the points of a measure rest."""
    by_name = rulebook.policy.evidence.by_name()
    names = ("contact",) if isinstance(measure, Tenure) else evidence_of(measure)
    return tuple(dict.fromkeys(kind for name in names for kind in by_name[name]))


def _segment(measure: Measure, value: int) -> Segment:
    if not isinstance(measure, NetSpend | AverageOrder):
        return segment(curve_of(measure), value)
    found = segment(curve_of(measure, scale=AMOUNT_SCALE), value * AMOUNT_SCALE)
    return Segment(*(None if edge is None else edge // AMOUNT_SCALE for edge in found))


def _days(measure: Measure, history: History, day: int) -> tuple[int, int] | None:
    if isinstance(measure, Tenure):
        first_day = history.series["contact"].days[0]
        return first_day, first_day
    after = day - measure.window_days
    days = [
        d
        for name in evidence_of(measure)
        if (series := history.series.get(name)) is not None
        for d in series.days
        if after < d <= day
    ]
    return (min(days), max(days)) if days else None
