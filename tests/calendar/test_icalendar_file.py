"""Which days an iCalendar file closes, and which it makes working days."""

from datetime import date

import pytest

from careline_calendar.definition import Exceptions
from careline_calendar.icalendar_file import NotICalendar, years_of


def a_file(*events: str) -> str:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:test"]
    for number, event in enumerate(events):
        lines += ["BEGIN:VEVENT", f"UID:{number}", *event.split("\n"), "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""])


def all_day(first: str, end: str, more: str = "SUMMARY:holiday") -> str:
    return f"DTSTART;VALUE=DATE:{first}\nDTEND;VALUE=DATE:{end}\n{more}"


def test_an_all_day_event_closes_each_of_its_days() -> None:
    years = years_of(a_file(all_day("20261230", "20270102")), first=2026, last=2027)

    assert years[2026].closed == {date(2026, 12, 30), date(2026, 12, 31)}
    assert years[2027].closed == {date(2027, 1, 1)}


@pytest.mark.parametrize(
    "more",
    [
        pytest.param("SUMMARY:春节\nX-APPLE-SPECIAL-DAY:ALTERNATE-WORKDAY", id="as Apple says it"),
        pytest.param("SUMMARY:春节（班）", id="in the title"),
        pytest.param("SUMMARY:国庆节补班", id="in the title, in words"),
    ],
)
def test_a_make_up_day_is_worked(more: str) -> None:
    years = years_of(a_file(all_day("20260214", "20260215", more)), first=2026, last=2026)

    assert years[2026] == Exceptions(make_up=frozenset({date(2026, 2, 14)}))


def test_a_yearly_event_closes_its_day_in_each_year() -> None:
    christmas = all_day("20201225", "20201226", "SUMMARY:x\nRRULE:FREQ=YEARLY")

    years = years_of(a_file(christmas), first=2026, last=2028)

    assert {day for year in years.values() for day in year.closed} == {
        date(year, 12, 25) for year in (2026, 2027, 2028)
    }


def test_a_meeting_closes_no_day() -> None:
    meeting = "DTSTART:20260302T090000Z\nDTEND:20260302T100000Z\nSUMMARY:meeting"

    assert years_of(a_file(meeting), first=2026, last=2026) == {}


def test_what_is_no_calendar_is_refused() -> None:
    with pytest.raises(NotICalendar):
        years_of("time_zone: Asia/Shanghai", first=2026, last=2026)
