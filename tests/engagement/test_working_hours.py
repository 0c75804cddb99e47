"""Deadlines and waits in working hours: exact, and refused where none can be met."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import yaml

from careline_engagement.model import ALWAYS, Entry, Family, Ruling
from careline_engagement.policy import EngagementPolicy
from careline_engagement.rules import Book, Edition, advance
from careline_runtime.errors import Misconfigured
from careline_runtime.policy import parse_policy
from tests.engagement.by_hand import a_book, shipped_policy, shipped_with

SHANGHAI = ZoneInfo("Asia/Shanghai")
SHIPPED = shipped_policy()


def there(text: str) -> datetime:
    """An instant by the clock in Shanghai."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).astimezone(UTC)


def instants(book: Book, playbook: str, trigger: str, opened_at: datetime) -> dict[str, str]:
    """When each step began and fell due, in Shanghai, if nobody does anything."""
    entry = Entry("A", playbook, "1", opened_at, trigger, "", 0, (), "e1")
    rulings = {"A": [Ruling(1, ALWAYS, "tier", "core")]}
    family = Family(frozenset("A"), {}, entries=[entry], rulings=rulings)
    progress = advance(family, until=opened_at + timedelta(days=60), book=book)
    [case] = progress.family.cases
    said = [
        (f"{name} {what}", at)
        for name, step in case.steps.items()
        for what, at in (("began", step.began_at), ("missed", step.breached_at))
    ]
    return {name: f"{at.astimezone(SHANGHAI):%m-%d %H:%M}" for name, at in said if at}


@pytest.mark.parametrize(
    ("opened_at", "missed"),
    [
        pytest.param(
            "2026-03-02T09:00", "03-03 18:00", id="from Monday morning to Tuesday evening"
        ),
        pytest.param("2026-03-02T22:00", "03-04 18:00", id="by night nothing passes"),
        pytest.param("2026-03-06T17:00", "03-10 17:00", id="nor at a weekend"),
        pytest.param(
            "2026-02-14T17:00", "02-25 17:00", id="nor in Spring Festival, nine days long"
        ),
        pytest.param("2026-02-27T18:00", "03-02 18:00", id="a make-up Saturday is worked"),
    ],
)
def test_two_working_days_for_a_call(opened_at: str, missed: str) -> None:
    book = a_book(shipped_with("account-call"))
    found = instants(book, "account-call", "moment/contact_due", there(opened_at))
    assert found["call missed"] == missed


def test_an_escalation_waits_for_somebody_to_be_at_work() -> None:
    book = a_book(shipped_with("renewal"))
    opened_at = there("2026-03-01T03:00")
    found = instants(book, "renewal", "moment/contract_end", opened_at)
    assert found["at_work began"] == "03-22 03:00", "a Sunday night"
    assert found["late began"] == "03-23 09:00"


def test_hours_that_change_move_no_deadline_that_was_given() -> None:
    later = yaml.safe_load(SHIPPED.text)
    [week] = later["calendars"]["desk"]["weeks"]
    short = {day: ["09:00-15:00"] if hours else [] for day, hours in week.items() if day != "from"}
    later["calendars"]["desk"]["weeks"].append({"from": "2026-03-03", **short})
    editions = [
        Edition(ALWAYS, SHIPPED.policy, "1"),
        Edition(there("2026-03-02T12:00"), EngagementPolicy.model_validate(later), "2"),
    ]
    before, after = (
        instants(Book(editions), "account-call", "moment/contact_due", there(opened_at))
        for opened_at in ("2026-03-02T09:00", "2026-03-02T13:00")
    )
    assert before["call missed"] == "03-03 18:00"
    assert after["call missed"] == "03-05 10:00", "five hours on Monday, six a day from then on"


def changed(*changes: tuple[str, str]) -> str:
    text = SHIPPED.text
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return text


@pytest.mark.parametrize(
    ("change", "step", "reason"),
    [
        pytest.param(
            ("within_hours: 18", "within_hours: 63"),
            "call",
            "step call, begun when desk closes on 20..-..-.., falls due on 20..-..-.., after the "
            "window has ended",
            id="seven working days in a window of fourteen: not around a holiday",
        ),
        pytest.param(
            ("        calendar: desk", "        calendar: dest"),
            "call",
            "step call: there is no calendar dest",
            id="no such calendar",
        ),
        pytest.param(
            ("        do: wait_until\n        calendar: desk", "        do: wait_until"),
            "at_work",
            "until a local_time or the hours of a calendar",
            id="until when?",
        ),
    ],
)
def test_a_deadline_that_no_calendar_can_meet_is_refused_with_its_line(
    change: tuple[str, str], step: str, reason: str
) -> None:
    text = changed(change)
    with pytest.raises(Misconfigured, match=reason) as refused:
        parse_policy(EngagementPolicy, text, path="engagement.yaml")
    lines = text.splitlines()
    begins = next(
        n for n, line in enumerate(lines, 1) if line.strip().startswith(f"- step: {step}")
    )
    named = [int(part.split(":")[0]) for part in str(refused.value).split("engagement.yaml:")[1:]]
    assert any(begins <= line <= begins + 2 for line in named), str(refused.value)


def test_a_calendar_that_is_never_open_is_refused() -> None:
    first = datetime(2024, 1, 1, tzinfo=UTC)
    closed = [(first + timedelta(days=n)).date() for n in range(366 + 365 + 365)]
    by_year = {y: {"closed": [str(d) for d in closed if d.year == y]} for y in (2024, 2025, 2026)}
    years = yaml.safe_dump(by_year, default_flow_style=True, width=10**6)
    text = changed(("    years: {}", f"    years: {years.strip()}"))
    with pytest.raises(Misconfigured, match="step call: calendar desk is never open"):
        parse_policy(EngagementPolicy, text, path="engagement.yaml")


def two_messages(hours_between: int, patience_hours: int) -> str:
    """The anniversary's two messages, so far apart, the second so patient."""
    return changed(
        (
            "        do: wait\n        hours: 96",
            f"        do: wait\n        hours: {hours_between}",
        ),
        (
            "        within_hours: 72\n        patience_hours: 96",
            f"        within_hours: 72\n        patience_hours: {patience_hours}",
        ),
    )


def test_two_contacts_that_can_never_both_have_room_are_refused() -> None:
    with pytest.raises(
        Misconfigured,
        match="step survey never has room after message: 1 in 1 days, and it gives up within 18 h",
    ):
        parse_policy(EngagementPolicy, two_messages(6, 12), path="engagement.yaml")


@pytest.mark.parametrize(
    ("hours_between", "patience_hours"),
    [
        pytest.param(12, 12, id="the second waits just until the first leaves the cap"),
        pytest.param(24, 12, id="they are a day apart"),
        pytest.param(1, 96, id="the second is patient"),
    ],
)
def test_two_contacts_that_may_both_have_room_are_not(
    hours_between: int, patience_hours: int
) -> None:
    text = two_messages(hours_between, patience_hours)
    assert parse_policy(EngagementPolicy, text, path="engagement.yaml")
