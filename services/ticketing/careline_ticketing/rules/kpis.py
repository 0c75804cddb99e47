"""What the tickets of a month say of KPI-1: how soon people are answered, how content they are.

Rounded to the worse side, so that a target is met only if it is. Each figure stands beside the one
of the year before, for seasons return.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Literal

from careline_ticketing import clocks
from careline_ticketing.model import Said, Ticket
from careline_ticketing.policy import InForceAt, KpiTargets

Name = Literal["response", "complaint_satisfaction"]
Language = Literal["en", "zh"]

SATISFIED = 8
"""Of 10, as scoring counts it."""

DEFINITIONS: Mapping[Language, Mapping[Name, str]] = {
    "en": {
        "response": "hours from a report to its first answer, on average, in the time that counts",
        "complaint_satisfaction": "of the ratings of solved complaints, the share of 8 and more",
    },
    "zh": {
        "response": "从报告到首次回复的平均小时数（按计时日历）",
        "complaint_satisfaction": "已解决投诉的评价中，8 分及以上的占比",
    },
}


@dataclass(frozen=True)
class Kpi:
    """A figure of the tickets that were opened in a month, and what it is held against."""

    name: Name
    definition: str
    value: Decimal | None
    unit: Literal["hours", "share"]
    of: int
    year_before: Decimal | None
    change: Decimal | None
    """Since then, as a share of it."""
    target: Mapping[Literal["at_least", "at_most"], Decimal]
    met: bool | None
    """None where nothing is known."""


def kpis(
    now: Sequence[Said],
    before: Sequence[Said],
    targets: KpiTargets,
    in_force_at: InForceAt,
    language: Language,
) -> list[Kpi]:
    """The figures of a month's tickets and those of the same month a year before."""
    words = DEFINITIONS[language]
    took, took_before = (list(_response_times(month, in_force_at)) for month in (now, before))
    rated, rated_before = (list(_ratings_of_complaints(month)) for month in (now, before))
    response, at_most = _mean_hours(took), targets.response_hours_at_most
    satisfied, at_least = _satisfied(rated), targets.complaint_satisfaction_at_least
    return [
        Kpi(
            name="response",
            definition=words["response"],
            value=response,
            unit="hours",
            of=len(took),
            year_before=_mean_hours(took_before),
            change=_change(_mean_hours(took_before), response),
            target={"at_most": at_most},
            met=None if response is None else response <= at_most,
        ),
        Kpi(
            name="complaint_satisfaction",
            definition=words["complaint_satisfaction"],
            value=satisfied,
            unit="share",
            of=len(rated),
            year_before=_satisfied(rated_before),
            change=_change(_satisfied(rated_before), satisfied),
            target={"at_least": at_least},
            met=None if satisfied is None else satisfied >= at_least,
        ),
    ]


def _response_times(tickets: Iterable[Said], in_force_at: InForceAt) -> Iterator[timedelta]:
    """Of those that were answered: who still waits is seen by the promise that breaks."""
    for ticket in _alive(tickets):
        first = next((c for c in ticket.clocks if c.target == "first_response"), None)
        if first is not None and first.stopped_at is not None:
            policy = in_force_at(first.given_at or first.started_at).policy
            timetable = policy.timetable(first.hours)
            yield clocks.used(first, ticket.waits, timetable, first.stopped_at)


def _ratings_of_complaints(tickets: Iterable[Said]) -> Iterator[int]:
    for ticket in _alive(tickets):
        if ticket.kind == "complaint":
            yield from (int(step.detail or 0) for step in ticket.steps if step.act == "rated")


def _alive(tickets: Iterable[Said]) -> Iterator[Ticket]:
    return (said.ticket for said in tickets if said.merged_into is None)


def _mean_hours(took: Sequence[timedelta]) -> Decimal | None:
    if not took:
        return None
    seconds = Decimal(sum(took, timedelta()) // timedelta(seconds=1))
    return (seconds / 3600 / len(took)).quantize(Decimal("0.01"), ROUND_CEILING)


def _satisfied(ratings: Sequence[int]) -> Decimal | None:
    if not ratings:
        return None
    good = Decimal(sum(score >= SATISFIED for score in ratings))
    return (good / len(ratings)).quantize(Decimal("0.0001"), ROUND_FLOOR)


def _change(before: Decimal | None, now: Decimal | None) -> Decimal | None:
    if not before or now is None:
        return None
    return ((now - before) / before).quantize(Decimal("0.0001"), ROUND_FLOOR)
