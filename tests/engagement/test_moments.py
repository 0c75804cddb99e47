"""What comes by itself: birthdays, dates, a contract's end, and the contact that is due."""

from datetime import UTC, datetime, timedelta

import pytest

from careline_engagement.model import ALWAYS, Alias, Contact, Entry, Fact, Family, Record, Ruling
from careline_engagement.rules import Progress, advance
from careline_engagement.rules.moments import (
    contact_look,
    contract_ends,
    days_to_come,
    next_contact,
)
from tests.engagement.by_hand import START, a_book, after, shipped_with

CREATED = datetime(2024, 2, 29, 3, tzinfo=UTC)
PLAYBOOKS = ("birthday", "holiday", "anniversary", "account-call", "renewal")
BOOK = a_book(shipped_with(*PLAYBOOKS))
POLICY = BOOK.at(START).policy


def a_family(*facts: Fact, entries: list[Entry], tier: str = "core", **more: str) -> Family:
    rulings = {"A": [Ruling(1, ALWAYS, "tier", tier)]}
    records = {"A": [Record(ALWAYS, 1, CREATED, more)]}
    return Family(frozenset("A"), {}, facts, entries=entries, rulings=rulings, records=records)


def days_ahead(trigger: str, **attributes: str) -> list[Entry]:
    """What a record of `attributes` that is said at the start leads to."""
    record = Record(START, 1, CREATED, attributes)
    return [entry for entry in days_to_come("A", record, BOOK) if entry.trigger == trigger]


def contact_due() -> list[Entry]:
    return list(contact_look("A", START, POLICY))


def opened(progress: Progress) -> list[str]:
    """When cases opened, in UTC."""
    return [n.move.at.isoformat()[:16] for n in progress.news if n.move.kind == "opened"]


@pytest.mark.parametrize(
    ("trigger", "more", "days", "expected"),
    [
        pytest.param(
            "moment/birthday",
            {"birthday": "--06-07"},
            800,
            ["2026-06-07T02:00", "2027-06-07T02:00"],
            id="each year at ten in the morning, in Shanghai",
        ),
        pytest.param(
            "moment/birthday",
            {"birthday": "--06-07", "time_zone": "Europe/Berlin"},
            300,
            ["2026-06-07T08:00"],
            id="or where the customer is",
        ),
        pytest.param("moment/birthday", {}, 800, [], id="not known"),
        pytest.param(
            "moment/anniversary",
            {},
            400,
            ["2027-02-28T02:00"],
            id="a leap day's anniversary is kept the day before",
        ),
        pytest.param(
            "moment/spring_festival",
            {},
            400,
            ["2027-02-05T02:00"],
            id="the eve of Spring Festival as the policy lists it",
        ),
    ],
)
def test_a_day_comes(trigger: str, more: dict[str, str], days: int, expected: list[str]) -> None:
    family = a_family(entries=days_ahead(trigger, **more), **more)
    assert opened(advance(family, until=after(24 * days), book=BOOK)) == expected


@pytest.mark.parametrize(
    ("trigger", "more"),
    [
        pytest.param("moment/spring_festival", {}, id="the eve of Spring Festival"),
        pytest.param("moment/mid_autumn", {}, id="Mid-Autumn"),
        pytest.param("moment/birthday", {"birthday": "--10-01"}, id="born in Golden Week"),
    ],
)
def test_a_greeting_goes_out_on_the_very_day(trigger: str, more: dict[str, str]) -> None:
    family = a_family(entries=days_ahead(trigger, **more), **more)
    news = advance(family, until=after(24 * 364), book=BOOK).news
    [opened, greeted] = [n.move for n in news if n.move.kind != "closed"]
    assert (greeted.kind, greeted.at) == ("sent", opened.at)


def test_a_greeting_that_had_to_wait_has_not_expired_when_it_goes_out() -> None:
    """The birthday on the same day comes first, and keeps its day."""
    more = {"birthday": "--02-28"}
    entries = [*days_ahead("moment/birthday", **more), *days_ahead("moment/anniversary", **more)]
    progress = advance(a_family(entries=entries, **more), until=after(24 * 364), book=BOOK)
    sent = {n.case.playbook: n.move for n in progress.news if n.move.subject == "message"}
    birthday, anniversary = sent["birthday"], sent["anniversary"]
    assert birthday.until == birthday.at + timedelta(hours=14), "at midnight it is no birthday"
    assert anniversary.at == birthday.at + timedelta(days=1)
    assert anniversary.until == anniversary.at + timedelta(days=1)


def test_an_anniversary_is_of_the_customers_day() -> None:
    """At three in the morning in Shanghai it is the evening before in UTC."""
    record = Record(START, 1, datetime(2024, 3, 9, 19, tzinfo=UTC), {})
    [entry] = [e for e in days_to_come("A", record, BOOK) if e.trigger == "moment/anniversary"]
    assert entry.at == datetime(2026, 3, 10, 2, tzinfo=UTC)


def a_call(days: float) -> Fact:
    return Fact(after(24 * days), "A", "call.completed", f"call@{days}")


@pytest.mark.parametrize(
    ("calls", "expected_days"),
    [
        pytest.param([], [0, 14], id="never contacted: at once, and again when still nobody has"),
        pytest.param([a_call(-4)], [8, 24], id="two days before it would be missed, and again"),
        pytest.param([a_call(-4), a_call(7)], [19], id="a contact in between moves it"),
    ],
)
def test_a_contact_is_due(calls: list[Fact], expected_days: list[float]) -> None:
    family = a_family(*calls, entries=contact_due())
    progress = advance(family, until=after(24 * 25), book=BOOK)
    days = [
        (n.move.at - START) / timedelta(days=1) for n in progress.news if n.move.kind == "opened"
    ]
    assert days == expected_days


@pytest.mark.parametrize(
    ("verdicts", "due_days"),
    [
        pytest.param({}, 91, id="by the tier"),
        pytest.param({"value": "high"}, 30, id="of high value: each month"),
        pytest.param({"care": "elderly, vip"}, 7, id="a key account: each week"),
        pytest.param({"value": "high", "care": "vip"}, 7, id="both: the shorter holds"),
    ],
)
def test_how_often_goes_by_the_tier_and_by_what_somebody_is_besides(
    verdicts: dict[str, str], due_days: float
) -> None:
    said = {"tier": "edge", **verdicts}
    rulings = [Ruling(n, ALWAYS, name, to) for n, (name, to) in enumerate(said.items(), 1)]
    family = a_family(a_call(-1), entries=[])._replace(rulings={"A": rulings})
    assert next_contact(family, "A", START, BOOK) == after(24 * (due_days - 1))


def test_a_key_account_is_called_each_week_and_asked_for_again_once_called() -> None:
    rulings = [Ruling(1, ALWAYS, "tier", "edge"), Ruling(2, ALWAYS, "care", "vip")]
    family = a_family(a_call(-1), a_call(5), a_call(11), entries=contact_due())
    progress = advance(family._replace(rulings={"A": rulings}), until=after(24 * 17), book=BOOK)
    assert opened(progress) == [f"2026-03-{day:02}T09:00" for day in (6, 12, 18)]
    assert not progress.missed


@pytest.mark.parametrize(
    ("result", "missed_days"),
    [
        pytest.param("delivered", [23], id="a message that went out is a contact"),
        pytest.param("failed", [10, 24], id="one that reached nobody is none"),
    ],
)
def test_what_a_channel_could_not_deliver_contacts_nobody(
    result: str, missed_days: list[float]
) -> None:
    sent = Contact(after(24 * 9), "A", "A-birthday-1", "message", "app", "care")
    answered_at = after(24 * 9.5)
    answer = Fact(answered_at, "A", f"outreach.answered/{result}", "e1", request=sent.request)
    looks = [*contact_due(), *contact_look("A", answered_at, POLICY)]
    family = a_family(a_call(-4), answer, entries=looks)._replace(contacts=[sent])
    progress = advance(family, until=after(24 * 25), book=BOOK)
    assert [(m.at - START) / timedelta(days=1) for m in progress.missed] == missed_days


@pytest.mark.parametrize(
    ("calls", "missed_days"),
    [
        pytest.param([a_call(-4)], [10, 24], id="at that very instant, and again as long after"),
        pytest.param([a_call(-4), a_call(9)], [23], id="called with notice: in time"),
        pytest.param([a_call(-20)], [0, 14], id="long ago when we come to know the tier: at once"),
        pytest.param([a_call(-1), a_call(12), a_call(24)], [], id="always in time"),
    ],
)
def test_nobody_contacted_the_customer_in_time_and_it_is_said(
    calls: list[Fact], missed_days: list[float]
) -> None:
    family = a_family(*calls, entries=contact_due(), account_manager="li")
    progress = advance(family, until=after(24 * 25), book=BOOK)
    assert [(m.at - START) / timedelta(days=1) for m in progress.missed] == missed_days
    assert {(m.customer, m.tier, m.owner) for m in progress.missed} <= {("A", "core", "li")}


def test_the_account_managers_deadline_passes_and_it_is_said() -> None:
    family = a_family(a_call(-12), entries=contact_due())
    progress = advance(family, until=after(24 * 5), book=BOOK)
    said = [(n.move.kind, n.move.subject) for n in progress.news]
    assert said == [("opened", "open"), ("begun", "call"), ("breached", "call")]


def test_two_looks_become_one() -> None:
    looks = [*contact_due(), *contact_look("A", after(24), POLICY)]
    progress = advance(a_family(a_call(-4), entries=looks), until=after(24 * 2), book=BOOK)
    assert [entry.at for entry in progress.family.entries] == [after(24 * 8)]


def test_the_next_contact_is_known_before_it_is_due() -> None:
    family = a_family(a_call(-4), entries=[])
    assert next_contact(family, "A", START, BOOK) == after(24 * 10)
    assert next_contact(family._replace(rulings={}), "A", START, BOOK) is None, "no tier yet"


def an_end(days: float, contract: str = "K1", *, known_on: float = 0) -> Entry:
    """Of a contract whose notice is due after so many days."""
    ends_at = after(24 * (days + POLICY.contract_notice_days))
    known_at = after(24 * known_on)
    [entry] = contract_ends("A", contract, ends_at, f"e{days}", POLICY, known_at=known_at)
    return entry


def signed(days: float, contract: str = "K1") -> Fact:
    return Fact(after(24 * days), "A", "contract.changed", f"s{days}", f"{contract}/signed")


@pytest.mark.parametrize(
    ("entries", "facts", "expected_days"),
    [
        pytest.param([an_end(5)], [], [5], id="thirty days before the end"),
        pytest.param([an_end(5), an_end(370)], [], [370], id="renewed: the new end counts"),
        pytest.param([an_end(5), an_end(9, "K2")], [], [5, 9], id="each contract by itself"),
        pytest.param(
            [an_end(5, known_on=20)], [signed(20)], [20], id="signed for less than the notice"
        ),
        pytest.param(
            [an_end(5, known_on=20), an_end(2, known_on=21)],
            [signed(20), signed(21)],
            [21],
            id="and again: the last word counts",
        ),
        pytest.param(
            [an_end(5)],
            [Fact(after(24), "A", "contract.changed", "x", "K1/terminated")],
            [],
            id="terminated",
        ),
    ],
)
def test_a_contract_ends(
    entries: list[Entry], facts: list[Fact], expected_days: list[float]
) -> None:
    progress = advance(a_family(*facts, entries=entries), until=after(24 * 400), book=BOOK)
    days = [
        (n.move.at - START) / timedelta(days=1) for n in progress.news if n.move.kind == "opened"
    ]
    assert days == expected_days


@pytest.mark.parametrize(
    ("contract", "change", "expected"),
    [
        pytest.param("K1", "renewed", "reached", id="renewed"),
        pytest.param("K1", "amended", "ended", id="amended: it ends all the same"),
        pytest.param("K1", "terminated", "withdrawn", id="terminated: no success"),
        pytest.param("K2", "renewed", "ended", id="another contract"),
    ],
)
def test_what_becomes_of_a_contract_that_ends(contract: str, change: str, expected: str) -> None:
    evidence, detail = f"contract.changed/{change}", f"{contract}/{change}"
    facts = [
        Fact(after(24 * 8), "A", kind, "c1", detail) for kind in ("contract.changed", evidence)
    ]
    progress = advance(a_family(*facts, entries=[an_end(5)]), until=after(24 * 60), book=BOOK)
    [case] = progress.family.cases
    assert case.status == expected
    escalated = any(n.move.subject == "late" for n in progress.news)
    assert escalated == (expected == "ended")


def test_a_contract_that_is_over_when_it_is_heard_of_has_no_end_to_come() -> None:
    over = after(24)
    assert not list(contract_ends("A", "K1", over, "e1", POLICY, known_at=over))


def test_two_numbers_of_one_customer_have_one_birthday() -> None:
    [mine] = days_ahead("moment/birthday", birthday="--06-07")
    records = {n: [Record(ALWAYS, 1, CREATED, {"birthday": "--06-07"})] for n in "AB"}
    family = Family(
        frozenset("AB"),
        {"B": Alias("B", "A", after(1))},
        entries=[mine, mine._replace(number="B")],
        records=records,
    )
    assert len(opened(advance(family, until=after(24 * 200), book=BOOK))) == 1
