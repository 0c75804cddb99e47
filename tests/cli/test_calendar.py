"""`careline calendar` says whether a calendar holds, how far it is known, and reads .ics files."""

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from careline_cli import calendar
from careline_cli.calendar import app
from careline_cli.console import CommandError

POLICY = Path(__file__).parents[2] / "services/ticketing/careline_ticketing/policy.yaml"
A_CALENDAR = {
    "time_zone": "Asia/Shanghai",
    "country": "CN",
    "weeks": [
        {
            "from": "2000-01-01",
            **{day: ["09:00-18:00"] for day in ("mon", "tue", "wed", "thu", "fri")},
            **{day: [] for day in ("sat", "sun", "make_up")},
        }
    ],
}


def written(tmp_path: Path, document: object) -> Path:
    path = tmp_path / "calendar.yaml"
    path.write_text(yaml.safe_dump(document), "utf-8")
    return path


def test_the_calendars_of_a_policy_are_checked() -> None:
    result = CliRunner().invoke(app, ["check", "--json", str(POLICY)])

    [report] = json.loads(result.stdout)["calendars"]
    assert report["time_zone"] == "Asia/Shanghai"


def test_a_year_without_its_list_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calendar, "WARN_BEFORE", calendar.WARN_BEFORE * 20)

    result = CliRunner().invoke(app, ["check", str(written(tmp_path, A_CALENDAR))])

    assert result.exit_code == 0
    assert "no list of make-up days" in result.stderr


@pytest.mark.parametrize(
    ("document", "words"),
    [
        pytest.param({**A_CALENDAR, "time_zone": "Asia/Nowhere"}, "does not hold", id="zone"),
        pytest.param([1], "has no calendar", id="no calendar"),
    ],
)
def test_a_calendar_that_does_not_hold_is_refused(
    tmp_path: Path, document: object, words: str
) -> None:
    result = CliRunner().invoke(app, ["check", str(written(tmp_path, document))])

    assert isinstance(result.exception, CommandError) and words in result.exception.what


def test_an_icalendar_file_becomes_years_to_paste(tmp_path: Path) -> None:
    file = tmp_path / "days.ics"
    event = ["BEGIN:VEVENT", "UID:1", "DTSTART;VALUE=DATE:20270101", "SUMMARY:元旦", "END:VEVENT"]
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", *event, "END:VCALENDAR"]
    file.write_text("\r\n".join(lines), "utf-8")

    result = CliRunner().invoke(app, ["import", "--year", "2027", str(file)])

    years = yaml.safe_load(result.stdout)["years"]
    assert [str(day) for day in years[2027]["closed"]] == ["2027-01-01"]
