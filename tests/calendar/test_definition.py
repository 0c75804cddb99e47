"""What a calendar may not say, which days are exceptional, and through which year we know."""

from datetime import date
from typing import Any

import pytest

from careline_calendar.definition import WEEKDAYS, Calendar
from careline_calendar.working import Hours

NINE_TO_SIX = (Hours(540, 1080),)


def a_calendar(week: dict[str, Any] | None = None, **changes: Any) -> Calendar:
    usual: dict[str, Any] = {
        day: NINE_TO_SIX if day not in ("sat", "sun") else () for day in WEEKDAYS
    }
    first = {"from": "2000-01-01", "make_up": NINE_TO_SIX, **usual, **(week or {})}
    return Calendar.model_validate(
        {"time_zone": "Asia/Shanghai", "country": "CN", "weeks": [first], **changes}
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"time_zone": "Asia/Nowhere"}, "not a time zone", id="zone"),
        pytest.param({"country": "XX"}, "does not know the country", id="country"),
        pytest.param({"week": {"mon": ["18:00-09:00"]}}, "does not open before", id="backwards"),
        pytest.param({"week": {"mon": ["09:00-25:00"]}}, "does not open before", id="too late"),
        pytest.param({"week": {"mon": ["9-18"]}}, "is not a time of day", id="without minutes"),
        pytest.param(
            {"week": {"mon": ["09:00-13:00", "12:00-18:00"]}}, "overlap", id="overlapping ranges"
        ),
        pytest.param({"week": dict.fromkeys(WEEKDAYS, ())}, "never open", id="never open"),
        pytest.param({"weeks": []}, "at least 1", id="no week"),
        pytest.param(
            {"years": {2027: {"closed": ["2026-01-01"]}}},
            "2026-01-01 is listed under 2027",
            id="a date in the wrong year",
        ),
        pytest.param(
            {"years": {2027: {"closed": ["2027-01-01"], "make_up": ["2027-01-01"]}}},
            "both closed and worked",
            id="a date in both lists",
        ),
    ],
)
def test_what_a_calendar_may_not_say(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        a_calendar(**changes)


def test_a_day_that_is_forgotten_is_asked_for() -> None:
    week: dict[str, Any] = {
        "from": "2000-01-01",
        "make_up": [],
        **dict.fromkeys(WEEKDAYS[:6], NINE_TO_SIX),
    }

    with pytest.raises(ValueError, match="sun"):
        Calendar.model_validate({"time_zone": "UTC", "weeks": [week]})


def test_weeks_stand_in_the_order_in_which_they_begin() -> None:
    [week] = a_calendar().model_dump(by_alias=True)["weeks"]

    with pytest.raises(ValueError, match="in order"):
        a_calendar(weeks=[week, week])


def test_a_year_without_its_official_list_is_not_known() -> None:
    holidays = a_calendar().holidays

    assert [year for year in range(1997, 2027) if not holidays.is_known(year)] == []
    assert holidays.known_through is not None
    assert not holidays.is_known(holidays.known_through + 1)


def test_the_calendars_own_year_wins_over_the_library_and_makes_it_known() -> None:
    sunday, wednesday = date(2027, 1, 3), date(2027, 1, 6)
    calendar = a_calendar(years={2027: {"closed": [wednesday], "make_up": [sunday]}})

    assert calendar.holidays.is_known(2027)
    assert calendar.hours_on(sunday) == NINE_TO_SIX
    assert calendar.hours_on(wednesday) == ()
    assert calendar.hours_on(date(2027, 10, 1)) == NINE_TO_SIX


def test_without_a_country_the_own_years_alone_are_exceptional() -> None:
    calendar = a_calendar(country=None, years={2026: {"closed": ["2026-10-02"]}})

    assert calendar.hours_on(date(2026, 10, 1)) == NINE_TO_SIX
    assert calendar.hours_on(date(2026, 10, 2)) == ()
    assert calendar.holidays.known_through is None
