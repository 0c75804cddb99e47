"""When a channel is not as it used to be: silent, or other in rate, in types, in what it fills in.

Pure functions of what a source sent per hour and per day. Each asks for enough of a past and for
enough events, so that chance alone hardly ever raises an alarm; the policy has the numbers.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from careline_contracts.events.ingest import DriftKind
from careline_ingest.policy import WatchPolicy

DAY_HOURS = 24
WEEK_HOURS = 7 * DAY_HOURS

HourlyCounts = Mapping[int, int]
"""Events of one source by hour since the epoch; an hour without events may be left out."""


class Silence(NamedTuple):
    """Nothing has come since an instant, though so many events were usual."""

    since: datetime
    expected_events: int


class Drift(NamedTuple):
    """Something about a source differs: in words, and the figures that were compared."""

    kind: DriftKind
    detail: str
    usual: float
    found: float


class Mix(NamedTuple):
    """What a source sent in some days: events per type, and how often a field was left out."""

    types: Mapping[str, int]
    absent: Mapping[tuple[str, str], int]
    """By type and optional field."""


def silence(counts: HourlyCounts, now: datetime, policy: WatchPolicy) -> Silence | None:
    """Whether the source has been silent for longer than chance explains.

    With 20 events due, none comes by chance once in five hundred million times (e⁻²⁰).
    """
    hour, fraction = _hour_of(now)
    if not _knows_enough(counts, hour, policy):
        return None
    expected, share = 0.0, fraction
    for silent_hour in range(hour, hour - WEEK_HOURS, -1):
        if counts.get(silent_hour):
            break
        expected += share * _usual(counts, silent_hour, policy)
        share = 1.0
    else:
        silent_hour = hour - WEEK_HOURS
    if expected < policy.silent_expected_events:
        return None
    return Silence(_instant_of(silent_hour + 1), int(expected))


def rate_drift(counts: HourlyCounts, now: datetime, policy: WatchPolicy) -> Drift | None:
    """Whether the last 24 hours brought far more, or far less, than any day before."""
    hour, _ = _hour_of(now)
    if not _knows_enough(counts, hour, policy):
        return None
    found = _day_ending(counts, hour)
    first = min(counts)
    days = [
        _day_ending(counts, end)
        for end in range(hour - DAY_HOURS, first + DAY_HOURS - 1, -DAY_HOURS)
    ][: policy.past_days]
    usual = sum(days) / len(days)
    if usual < policy.least_events:
        return None
    if found > policy.rate_ratio * max(days):
        words = f"{found} events in 24 hours, {max(days)} on the busiest day before"
    elif found * policy.rate_ratio < min(days):
        words = f"{found} events in 24 hours, {min(days)} on the quietest day before"
    else:
        return None
    return Drift("rate", words, usual, float(found))


def mix_drifts(today: Mix, past: Mix, policy: WatchPolicy) -> Iterator[Drift]:
    """Whether today's types, or what is left out of them, differ from the days before."""
    if _enough(today.types.values(), past.types.values(), policy):
        here, there = _shares(today.types), _shares(past.types)
        moved = {t: here.get(t, 0.0) - there.get(t, 0.0) for t in {*here, *there}}
        distance = sum(map(abs, moved.values())) / 2
        if distance >= policy.share_difference:
            type = max(sorted(moved), key=lambda t: abs(moved[t]))
            yield Drift(
                "type_mix",
                f"{type} makes {here.get(type, 0.0):.0%} of the events, {there.get(type, 0.0):.0%}"
                " before",
                there.get(type, 0.0),
                here.get(type, 0.0),
            )
    for type, field in sorted({*today.absent, *past.absent}):
        counts = ([today.types.get(type, 0)], [past.types.get(type, 0)])
        if not _enough(*counts, policy):
            continue
        found = today.absent.get((type, field), 0) / counts[0][0]
        usual = past.absent.get((type, field), 0) / counts[1][0]
        if abs(found - usual) >= policy.share_difference:
            words = f"{found:.0%} of {type} leave {field} out, {usual:.0%} before"
            yield Drift("null_share", words, usual, found)


def _knows_enough(counts: HourlyCounts, hour: int, policy: WatchPolicy) -> bool:
    return bool(counts) and hour - min(counts) >= policy.learn_days * DAY_HOURS


def _usual(counts: HourlyCounts, hour: int, policy: WatchPolicy) -> float:
    """What the hour brings: the lower of its mean over days and, for closed Sundays, over weeks."""
    first, last = min(counts), policy.past_days * DAY_HOURS
    means = []
    for step in (DAY_HOURS, WEEK_HOURS):
        hours = [hour - back for back in range(step, last + 1, step) if hour - back >= first]
        if hours:
            means.append(sum(counts.get(one, 0) for one in hours) / len(hours))
    return min(means, default=0.0)


def _day_ending(counts: HourlyCounts, hour: int) -> int:
    return sum(counts.get(one, 0) for one in range(hour - DAY_HOURS, hour))


def _enough(today: Iterable[int], past: Iterable[int], policy: WatchPolicy) -> bool:
    return min(sum(today), sum(past)) >= policy.least_events


def _shares(counts: Mapping[str, int]) -> dict[str, float]:
    total = sum(counts.values())
    return {name: count / total for name, count in counts.items()}


def _hour_of(instant: datetime) -> tuple[int, float]:
    """The hour since the epoch, and how much of it has passed."""
    seconds = instant.timestamp()
    return int(seconds // 3600), seconds % 3600 / 3600


def _instant_of(hour: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=hour)
