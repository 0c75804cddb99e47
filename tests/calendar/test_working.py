"""Working time is what a clock on the wall would have counted, minute by minute."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careline_calendar.definition import WEEKDAYS, Calendar
from careline_calendar.intervals import Interval
from careline_calendar.working import (
    AROUND_THE_CLOCK,
    Hours,
    NeverOpen,
    Timetable,
    WorkingCalendar,
)

MINUTE = timedelta(minutes=1)
SHANGHAI = ZoneInfo("Asia/Shanghai")

# zones whose clocks jump by an hour, by half an hour, at midnight, and not at all
ZONES = ["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]
ZONES += ["America/Havana", "Asia/Beirut", "Pacific/Apia", "UTC"]


NINE_TO_SIX = ["09:00-18:00"]


def a_calendar(hours: object = None, **changes: object) -> Calendar:
    """Open from nine to six on weekdays, or the same `hours` every day."""
    week: dict[str, object] = dict.fromkeys(WEEKDAYS, hours or NINE_TO_SIX)
    if hours is None:
        week |= {"sat": (), "sun": ()}
    weeks = [{"from": date(2000, 1, 1), "make_up": NINE_TO_SIX, **week}]
    return Calendar.model_validate(
        {"time_zone": "Asia/Shanghai", "country": "CN", "weeks": weeks, **changes}
    )


def shanghai(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@st.composite
def days(draw: st.DrawFn) -> tuple[Hours, ...]:
    """Up to three ranges of one day, in order, apart from each other or touching."""
    edges = sorted(draw(st.sets(st.integers(0, 96), max_size=6)))
    quarters = [quarter * 15 for quarter in edges]
    return tuple(Hours(*pair) for pair in zip(quarters[::2], quarters[1::2], strict=False))


@st.composite
def calendars(draw: st.DrawFn) -> WorkingCalendar:
    """Any week in any zone, with some dates that are closed or worked like another day."""
    week = draw(st.tuples(*[days()] * 7).filter(any))
    closed = draw(st.sets(st.integers(0, 20), max_size=5))
    worked = draw(st.dictionaries(st.integers(0, 20), st.integers(0, 6), max_size=5))

    def hours_on(day: date) -> tuple[Hours, ...]:
        number = day.toordinal() % 21
        return () if number in closed else week[worked.get(number, day.weekday())]

    return WorkingCalendar(ZoneInfo(draw(st.sampled_from(ZONES))), hours_on)


# around the days on which some of these zones move their clocks
moments = st.one_of(
    st.datetimes(datetime(2025, 3, 25), datetime(2025, 4, 8)),  # noqa: DTZ001
    st.datetimes(datetime(2025, 10, 1), datetime(2025, 11, 8)),  # noqa: DTZ001
    st.datetimes(datetime(2011, 12, 25), datetime(2012, 1, 3)),  # noqa: DTZ001
).map(lambda moment: moment.replace(second=0, microsecond=0, tzinfo=UTC))


def is_open(calendar: WorkingCalendar, minute: datetime) -> bool:
    """The slow reference: what does the clock on the wall say, and is that in the hours?"""
    wall = minute.astimezone(calendar.zone)
    reads = wall.hour * 60 + wall.minute
    return any(opens <= reads < closes for opens, closes in calendar.hours_on(wall.date()))


@given(calendar=calendars(), start=moments, minutes=st.integers(0, 3 * 1440))
def test_working_time_is_what_the_wall_clock_counts(
    calendar: WorkingCalendar, start: datetime, minutes: int
) -> None:
    counted = sum(is_open(calendar, start + n * MINUTE) for n in range(minutes))

    assert calendar.working_time(start, start + minutes * MINUTE) == counted * MINUTE


@given(calendar=calendars(), start=moments, minutes=st.integers(1, 300))
def test_a_deadline_is_the_first_instant_by_which_the_time_has_passed(
    calendar: WorkingCalendar, start: datetime, minutes: int
) -> None:
    amount = minutes * MINUTE
    try:
        due_at = calendar.after(start, amount)
    except NeverOpen:
        return

    assert calendar.working_time(start, due_at) == amount
    assert calendar.working_time(start, due_at - timedelta(microseconds=1)) < amount


@st.composite
def pauses(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Up to four stretches in minutes after the start, in order, apart from each other."""
    edges = sorted(draw(st.sets(st.integers(0, 4000), max_size=8)))
    return list(zip(edges[::2], edges[1::2], strict=False))


@given(
    calendar=st.one_of(calendars(), st.just(AROUND_THE_CLOCK)),
    start=moments,
    minutes=st.integers(1, 900),
    paused=pauses(),
)
def test_a_deadline_with_pauses_is_what_a_stopwatch_would_have_shown(
    calendar: Timetable, start: datetime, minutes: int, paused: list[tuple[int, int]]
) -> None:
    """The slow reference: a stopwatch that is looked at each minute."""
    holes = [Interval(start + a * MINUTE, start + b * MINUTE) for a, b in paused]
    try:
        due_at = calendar.after(start, minutes * MINUTE, holes)
    except NeverOpen:
        return

    counted, at = 0, start
    while counted < minutes:
        is_paused = any(hole.start <= at < hole.end for hole in holes)
        works = not isinstance(calendar, WorkingCalendar) or is_open(calendar, at)
        counted += works and not is_paused
        at += MINUTE
    assert due_at == at


@given(calendar=calendars(), start=moments)
def test_the_next_open_instant_is_open_and_none_before_it_is(
    calendar: WorkingCalendar, start: datetime
) -> None:
    try:
        opens = calendar.next_open(start)
    except NeverOpen:
        return

    assert calendar.is_open(opens) and is_open(calendar, opens)
    assert calendar.working_time(start, opens) == timedelta()


@given(calendar=calendars(), a=moments, first=st.integers(0, 9999), second=st.integers(0, 9999))
def test_working_time_adds_up(
    calendar: WorkingCalendar, a: datetime, first: int, second: int
) -> None:
    b = a + first * MINUTE
    c = b + second * MINUTE

    assert calendar.working_time(a, b) + calendar.working_time(b, c) == calendar.working_time(a, c)


@pytest.mark.parametrize(
    ("started", "hours", "due"),
    [
        pytest.param("2026-03-02T10:00", 1, "2026-03-02T11:00", id="within a Monday"),
        pytest.param("2026-03-02T17:30", 1, "2026-03-03T09:30", id="over the evening"),
        pytest.param("2026-03-06T17:30", 1, "2026-03-09T09:30", id="over the weekend"),
        pytest.param("2026-03-07T12:00", 1, "2026-03-09T10:00", id="begun on a Saturday"),
        pytest.param("2026-03-02T17:00", 1, "2026-03-02T18:00", id="the last minute of the day"),
        pytest.param("2026-03-02T17:00:00.25", 1, "2026-03-03T09:00:00.25", id="a quarter second"),
        pytest.param("2026-02-13T17:30", 1, "2026-02-14T09:30", id="make-up Saturday is worked"),
        pytest.param("2026-02-14T17:30", 1, "2026-02-24T09:30", id="over the Spring Festival"),
        pytest.param("2026-09-30T17:00", 2, "2026-10-08T10:00", id="over the National Day week"),
    ],
)
def test_deadlines_in_shanghai(started: str, hours: int, due: str) -> None:
    calendar = a_calendar().working

    assert calendar.after(shanghai(started), timedelta(hours=hours)) == shanghai(due)


def test_two_ranges_a_day_leave_the_lunch_out() -> None:
    calendar = a_calendar(["09:00-12:00", "13:30-18:00"]).working

    assert calendar.after(shanghai("2026-03-02T11:30"), timedelta(hours=1)) == shanghai(
        "2026-03-02T14:00"
    )


def test_a_range_to_midnight_joins_the_next_day() -> None:
    calendar = a_calendar(["00:00-24:00"], country=None).working

    assert calendar.after(shanghai("2026-03-02T23:00"), timedelta(hours=30)) == shanghai(
        "2026-03-04T05:00"
    )


def test_new_hours_hold_from_their_date_and_leave_the_past_alone() -> None:
    [usual] = a_calendar().model_dump()["weeks"]
    late: dict[str, object] = {**dict.fromkeys(WEEKDAYS, ("14:00-22:00",)), "make_up": []}
    weeks = [usual, {"from": date(2026, 3, 4), **late}]
    before, after = a_calendar().working, a_calendar(weeks=weeks).working
    started, hours = shanghai("2026-03-03T17:00"), timedelta(hours=2)

    assert after.after(started, hours) == shanghai("2026-03-04T15:00")
    past = (shanghai("2020-01-01T00:00"), shanghai("2026-03-04T00:00"))
    assert list(after.open_between(*past)) == list(before.open_between(*past))


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        pytest.param("2025-03-30", 8, id="the hour that Berlin skips is not worked"),
        pytest.param("2025-10-26", 10, id="the hour that Berlin repeats is worked twice"),
        pytest.param("2025-06-15", 9, id="any other day"),
    ],
)
def test_a_night_shift_through_a_change_of_clocks(day: str, hours: int) -> None:
    calendar = a_calendar(["00:00-09:00"], time_zone="Europe/Berlin", country=None).working
    midnight = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo("Europe/Berlin"))

    assert calendar.working_time(midnight, midnight + timedelta(days=1)) == timedelta(hours=hours)


def test_a_desk_that_never_opens_says_so() -> None:
    calendar = WorkingCalendar(SHANGHAI, lambda _: ())

    with pytest.raises(NeverOpen):
        calendar.after(shanghai("2026-03-02T10:00"), MINUTE)
