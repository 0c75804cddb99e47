"""How many points each measure of the score gives on a day, and until which day.

A measure reads a customer's history as of a day D; a window of W days is D-W+1 … D. Facts after D
do not count. Nothing but windows and tenure moves on its own, so the next change is found by
letting the oldest days leave, one after the other, until the points differ. Where nothing was taken
back a window only sinks, and the search begins where it falls below its step.
"""

from bisect import bisect_right
from typing import Protocol, assert_never

from careline_scoring.model import AMOUNT_SCALE, EMPTY, FIRST_CONTACT, NEVER, History, Reading
from careline_scoring.policy.score import (
    Answered,
    AverageOrder,
    Count,
    Measure,
    NetSpend,
    Repurchases,
    Share,
    Tenure,
)
from careline_scoring.rules.curves import Curve, curve_of


class Reader(Protocol):
    """A measure made ready to be read many times."""

    curve: Curve

    def read(self, history: History, day: int) -> Reading: ...


def _leaves(
    days: list[int],
    sums: list[int],
    start: int,
    end: int,
    points: int,
    curve: Curve,
    *,
    only_sinks: bool,
) -> int:
    """The day in `days[start:end]` whose leaving changes the `points` of the sum."""
    last, first = sums[end], start + 1
    if only_sinks:
        # up to there the rest brings the same
        floor = curve.floor(last - sums[start])
        first = end if floor is None else bisect_right(sums, last - floor, first, end)
    for index in range(first, end):
        if curve(last - sums[index]) != points:
            return days[index - 1]
    return days[end - 1] if points != curve.missing else NEVER


def evidence_of(measure: Measure) -> tuple[str, ...]:
    """The evidence on which the points of a measure rest."""
    match measure:
        case NetSpend() | AverageOrder():
            return ("purchase", "refund")
        case Count():
            return (measure.of,)
        case Repurchases():
            return ("purchase",)
        case Tenure():
            return (FIRST_CONTACT,)
        case Share():
            return (measure.part, measure.of)
        case Answered():
            return (measure.of, measure.by)
    assert_never(measure)


def reader(measure: Measure) -> Reader:
    """The reader of a measure."""
    match measure:
        case NetSpend():
            return SpendReader(measure)
        case AverageOrder():
            return AverageReader(measure)
        case Count():
            return CountReader(measure, evidence=measure.of, skip_first=0)
        case Repurchases():
            return CountReader(measure, evidence="purchase", skip_first=1)
        case Tenure():
            return TenureReader(measure)
        case Share():
            return ShareReader(measure)
        case Answered():
            return AnsweredReader(measure)
    assert_never(measure)


class CountReader:
    """How often within the window; the first occurrences ever can be left out."""

    def __init__(self, measure: Count | Repurchases, *, evidence: str, skip_first: int) -> None:
        self.curve = curve_of(measure)
        self._evidence = evidence
        self._window = measure.window_days
        self._skip = skip_first

    def read(self, history: History, day: int) -> Reading:
        series, curve = history.series.get(self._evidence), self.curve
        if series is None:
            return curve.nothing
        days, counts = series.days, series.counts
        end = bisect_right(days, day)
        start = bisect_right(days, day - self._window)
        if start >= end:
            return curve.nothing
        value = counts[end] - max(counts[start], self._skip)
        points = curve(value)
        leaves = _leaves(days, counts, start, end, points, curve, only_sinks=True)
        return Reading(value, points, NEVER if leaves == NEVER else leaves + self._window)


class SpendReader:
    """Purchases less returns within the window."""

    def __init__(self, measure: NetSpend) -> None:
        self.curve = curve_of(measure, scale=AMOUNT_SCALE)
        self._window = measure.window_days

    def read(self, history: History, day: int) -> Reading:
        money, curve = history.money, self.curve
        days, amounts = money.days, money.amounts
        end = bisect_right(days, day)
        start = bisect_right(days, day - self._window)
        if start >= end:
            return curve.nothing
        value = amounts[end] - amounts[start]
        points = curve(value)
        leaves = _leaves(days, amounts, start, end, points, curve, only_sinks=not money.falls)
        change_day = NEVER if leaves == NEVER else leaves + self._window
        return Reading(value // AMOUNT_SCALE, points, change_day)


class AverageReader:
    """Net spend per purchase within the window; no purchase in it is no evidence."""

    def __init__(self, measure: AverageOrder) -> None:
        self.curve = curve_of(measure, scale=AMOUNT_SCALE)
        self._window = measure.window_days

    def read(self, history: History, day: int) -> Reading:
        money, curve = history.money, self.curve
        days, amounts, counts = money.days, money.amounts, money.counts
        end = bisect_right(days, day)
        start = bisect_right(days, day - self._window)
        if start >= end:
            return curve.nothing
        orders = counts[end] - counts[start]
        value = (amounts[end] - amounts[start]) // orders if orders else None
        points = curve.missing if value is None else curve(value)
        shown = None if value is None else value // AMOUNT_SCALE
        for index in range(start + 1, end + 1):
            orders = counts[end] - counts[index]
            rest = curve((amounts[end] - amounts[index]) // orders) if orders else curve.missing
            if rest != points:
                return Reading(shown, points, days[index - 1] + self._window)
        return Reading(shown, points, NEVER)


class TenureReader:
    """Days since the first contact."""

    def __init__(self, measure: Tenure) -> None:
        self.curve = curve_of(measure)

    def read(self, history: History, day: int) -> Reading:
        contact, curve = history.series.get("contact"), self.curve
        if contact is None or contact.begins_after(day):
            return curve.nothing
        first_day = contact.days[0]
        value = day - first_day
        then = curve.next_value(value)
        return Reading(value, curve(value), NEVER if then is None else first_day + then)


class ShareReader:
    """How many percent of one evidence were another, rounded down."""

    def __init__(self, measure: Share) -> None:
        self.curve = curve_of(measure)
        self._part, self._of = measure.part, measure.of
        self._window = measure.window_days

    def read(self, history: History, day: int) -> Reading:
        whole = history.series.get(self._of)
        if whole is None:
            return self.curve.nothing
        value, points = self._at(history, day)
        start = bisect_right(whole.days, day - self._window)
        for left in whole.days[start : bisect_right(whole.days, day)]:
            if self._at(history, left + self._window, known=day)[1] != points:
                return Reading(value, points, left + self._window)
        return Reading(value, points, NEVER)

    def _at(self, history: History, day: int, known: int | None = None) -> tuple[int | None, int]:
        """Value and points on `day`, by what is known on the day `known`."""
        known = day if known is None else known
        counts = []
        for name in (self._part, self._of):
            series = history.series.get(name, EMPTY)
            end = bisect_right(series.days, known)
            start = min(end, bisect_right(series.days, day - self._window))
            counts.append(series.counts[end] - series.counts[start])
        part, of = counts
        if of == 0:
            return None, self.curve.missing
        value = 100 * part // of
        return value, self.curve(value)


class AnsweredReader:
    """On how many percent of the days on which we asked an answer came in time.

    A day on which we asked counts once it is answered, or once its time is up.
    """

    def __init__(self, measure: Answered) -> None:
        self.curve = curve_of(measure)
        self._of, self._by = measure.of, measure.by
        self._within, self._window = measure.within_days, measure.window_days

    def read(self, history: History, day: int) -> Reading:
        series = history.series.get(self._of)
        if series is None:
            return self.curve.nothing
        asked = series.days
        counted = answered = 0
        moves: list[tuple[int, int, int]] = []  # on this day so many more counted, answered
        replies = history.series.get(self._by, EMPTY).days
        replies = replies[: bisect_right(replies, day)]
        start, end = bisect_right(asked, day - self._window), bisect_right(asked, day)
        for asked_day in asked[start:end]:
            index = bisect_right(replies, asked_day - 1)
            in_time = index < len(replies) and replies[index] <= asked_day + self._within
            if in_time or day > asked_day + self._within:
                counted += 1
                answered += in_time
            else:
                moves.append((asked_day + self._within + 1, 1, 0))
            moves.append((asked_day + self._window, -1, -in_time))
        value, points = self._points(counted, answered)
        return Reading(value, points, self._change_day(counted, answered, sorted(moves)))

    def _points(self, counted: int, answered: int) -> tuple[int | None, int]:
        if counted == 0:
            return None, self.curve.missing
        value = 100 * answered // counted
        return value, self.curve(value)

    def _change_day(self, counted: int, answered: int, moves: list[tuple[int, int, int]]) -> int:
        _, points = self._points(counted, answered)
        for index, (day, more_counted, more_answered) in enumerate(moves):
            counted += more_counted
            answered += more_answered
            is_last_of_day = index + 1 == len(moves) or moves[index + 1][0] > day
            if is_last_of_day and self._points(counted, answered)[1] != points:
                return day
        return NEVER
