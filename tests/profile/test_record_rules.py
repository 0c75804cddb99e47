"""REC-3: values have one form; which fact holds does not depend on the order of hearing."""

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careline_profile.model import Customer, RecordChanged
from careline_profile.record.model import Book, Fact, Slot
from careline_profile.record.policy import FieldPolicy, RecordPolicy
from careline_profile.record.rules.fold import FieldRules, attributes, changes, fold, known
from careline_profile.record.rules.forms import NoValue, in_form, month_and_day
from careline_profile.record.rules.keeping import take_in

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
RULES = FieldRules.of(
    RecordPolicy(
        trusted_sources=("staff:", "/crm"),
        fields={
            "region": FieldPolicy(shares="value"),
            "source": FieldPolicy(merge="earliest", shares="value"),
            "name": FieldPolicy(personal=True, merge="most_trusted"),
            "birthday": FieldPolicy(form="date", personal=True, shares="month_and_day"),
            "preferences": FieldPolicy(merge="collect", shares="value"),
        },
    )
)


@dataclass
class Hand:
    """Hands out facts, each of an event of its own."""

    count: int = 0

    def fact(
        self,
        field: str,
        value: str,
        *,
        at: int = 0,
        known: int | None = None,
        source: str = "/app",
        verified: bool = False,
        item: str = "",
        flaw: str | None = None,
        ref: str = "phone:1",
        token: str | None = None,
    ) -> Fact:
        self.count += 1
        return Fact(
            ref=ref,
            slot=Slot(field, item),
            event_key=UUID(int=self.count).hex,
            value=value,
            token=token,
            shared=None,
            source=source,
            verified_by="call_back" if verified else None,
            flaw=flaw,
            occurred_at=MONDAY + timedelta(minutes=at),
            known_at=MONDAY + timedelta(minutes=at if known is None else known),
        )


told = Hand().fact


# -- forms


@pytest.mark.parametrize(
    ("field", "said", "value"),
    [
        pytest.param(FieldPolicy(), "  王 小明 ", "王 小明", id="spaces"),
        pytest.param(FieldPolicy(), "Ａｎｎ", "Ann", id="full width"),
        pytest.param(FieldPolicy(pattern="[A-Z]{2}"), "CN", "CN", id="fits its pattern"),
        pytest.param(FieldPolicy(form="choice", choices={"b": ("企业",)}), "企业", "b", id="spelt"),
        pytest.param(FieldPolicy(form="choice", choices={"b": ()}), "B", "b", id="in capitals"),
        pytest.param(FieldPolicy(form="date"), "1985-06-07", "1985-06-07", id="ISO 8601"),
        pytest.param(FieldPolicy(form="date"), "1985年6月7日", "1985-06-07", id="as in Chinese"),
        pytest.param(FieldPolicy(form="date"), "19850607", "1985-06-07", id="digits only"),
        pytest.param(FieldPolicy(form="date"), "--02-29", "--02-29", id="a day without a year"),
        pytest.param(FieldPolicy(form="language"), "zh_hans_cn", "zh-Hans-CN", id="language"),
        pytest.param(FieldPolicy(form="time_zone"), "Asia/Shanghai", "Asia/Shanghai", id="zone"),
    ],
)
def test_a_value_has_one_form(field: FieldPolicy, said: str, value: str) -> None:
    assert in_form(said, field, on=MONDAY.date()) == value


@pytest.mark.parametrize(
    ("field", "said", "words"),
    [
        pytest.param(FieldPolicy(), "  ", "empty", id="nothing"),
        pytest.param(FieldPolicy(pattern="[A-Z]{2}"), "China", "form", id="not its pattern"),
        pytest.param(FieldPolicy(form="choice", choices={"b": ()}), "x", "none of b", id="choice"),
        pytest.param(FieldPolicy(form="date"), "soon", "not a date", id="no date"),
        pytest.param(FieldPolicy(form="date"), "1985-02-30", "no day", id="30 February"),
        pytest.param(FieldPolicy(form="date"), "2026-03-03", "future", id="born tomorrow"),
        pytest.param(FieldPolicy(form="date"), "1899-12-31", "too far back", id="too old"),
        pytest.param(FieldPolicy(form="language"), "Chinese", "language tag", id="no language"),
        pytest.param(FieldPolicy(form="time_zone"), "Mars/Base", "time zone", id="no time zone"),
    ],
)
def test_what_can_be_no_value_is_refused_in_words(
    field: FieldPolicy, said: str, words: str
) -> None:
    with pytest.raises(NoValue, match=words) as refused:
        in_form(said, field, on=date(2026, 3, 2))
    assert said.strip() == "" or said not in str(refused.value) or len(said) == 1


@pytest.mark.parametrize("value", ["1985-06-07", "--06-07"])
def test_of_a_birthday_the_year_stays(value: str) -> None:
    assert month_and_day(value) == "--06-07"


@given(st.text(max_size=30))
def test_bringing_a_value_into_form_twice_changes_nothing(said: str) -> None:
    for field in RULES.fields.values():
        try:
            value = in_form(said, field, on=MONDAY.date())
        except NoValue:
            continue
        assert in_form(value, field, on=MONDAY.date()) == value


# -- which fact holds


@pytest.mark.parametrize(
    ("facts", "value"),
    [
        pytest.param(
            [told("region", "CN", at=2, known=5), told("region", "SG", at=1, known=9)],
            "CN",
            id="latest: by when it was true, not by when it came",
        ),
        pytest.param(
            [told("source", "fair", at=1), told("source", "advert", at=0, known=9)],
            "advert",
            id="earliest: what came late may have been first",
        ),
        pytest.param(
            [
                told("source", "fair", at=0),
                told("source", "friend", at=9, source="staff:li"),
                told("source", "web", at=10),
            ],
            "friend",
            id="earliest: a person has put it right",
        ),
        pytest.param(
            [told("name", "Wang", at=0, source="/crm/x"), told("name", "Kitty", at=9)],
            "Wang",
            id="most trusted: a source above another",
        ),
        pytest.param(
            [told("name", "Wang", source="staff:li"), told("name", "Wong", verified=True)],
            "Wong",
            id="most trusted: verified above all",
        ),
        pytest.param(
            [told("name", "Wang", at=0), told("name", "Wong", at=1)],
            "Wong",
            id="most trusted: equals by time",
        ),
        pytest.param(
            [told("region", "CN"), told("region", "nowhere", at=1, flaw="no region")],
            "CN",
            id="a flawed one is no value",
        ),
        pytest.param(
            [told("region", "CN"), told("region", "", at=1, source="staff:li")],
            None,
            id="taken away",
        ),
        pytest.param(
            [told("region", "CN", ref="phone:1"), told("region", "SG", at=1, ref="email:a")],
            "SG",
            id="whichever identity it came with",
        ),
    ],
)
def test_one_fact_holds(facts: list[Fact], value: str | None) -> None:
    slot = facts[0].slot
    held = fold(facts, RULES).get(slot)
    assert (held and held.value) == value


def test_a_field_that_the_policy_no_longer_has_is_not_shown() -> None:
    assert fold([told("shoe_size", "42")], RULES) == {}


def test_attributes_are_what_the_policy_shares() -> None:
    facts = [
        told("region", "CN-31"),
        told("preferences", "rock", item="rock"),
        told("preferences", "jazz", item="jazz"),
        told("name", "k1.sealed"),
        told("birthday", "k1.sealed")._replace(shared="--06-07"),
        told("consents", "granted", item="sms/marketing"),
    ]
    assert attributes(fold(facts, RULES), RULES) == {
        "birthday": "--06-07",
        "preferences": ("jazz", "rock"),
        "region": "CN-31",
    }


# -- history


def test_each_change_says_from_and_to_when_true_and_when_known() -> None:
    first = told("region", "CN", at=5)
    late = told("region", "SG", at=1, known=7)
    same = told("region", "CN", at=8)
    gone = told("region", "", at=9, source="staff:li")
    found = changes([gone, late, first, same], RULES)
    assert [(c.before, c.after, c.cause) for c in found] == [
        (None, first, first),
        (same, None, gone),
    ]


FIELDS = st.sampled_from(["region", "source", "name", "preferences"])
SOURCES = st.sampled_from(["/app", "/crm", "staff:li"])


@st.composite
def some_facts(draw: st.DrawFn) -> list[Fact]:
    hand = Hand()
    minutes = st.integers(0, 9)
    return [
        hand.fact(
            field := draw(FIELDS),
            value := draw(st.sampled_from(["a", "b", ""])),
            at=draw(minutes),
            known=draw(minutes),
            source=draw(SOURCES),
            verified=draw(st.booleans()),
            item=value if field == "preferences" else "",
            flaw=draw(st.sampled_from([None, None, None, "no value"])),
        )
        for _ in range(draw(st.integers(0, 12)))
    ]


@given(some_facts(), st.integers())
def test_posthog_6834_any_order_and_any_duplication_give_the_same_record_and_history(
    facts: list[Fact], seed: int
) -> None:
    shuffled = [*facts, *facts[::2]]
    random.Random(seed).shuffle(shuffled)
    assert fold(shuffled, RULES) == fold(facts, RULES)
    assert changes(shuffled, RULES) == changes(facts, RULES)


@given(some_facts(), some_facts(), st.integers(0, 9), st.integers(0, 9))
def test_what_was_known_at_an_instant_never_changes_later(
    before: list[Fact], after: list[Fact], as_of: int, known_at: int
) -> None:
    instant, then = MONDAY + timedelta(minutes=as_of), MONDAY + timedelta(minutes=known_at)
    later = [fact._replace(known_at=max(fact.known_at, then) + timedelta(1)) for fact in after]
    asked = known(before, as_of=instant, known_at=then)
    assert known([*before, *later], as_of=instant, known_at=then) == asked


@given(some_facts())
def test_the_history_ends_in_the_record(facts: list[Fact]) -> None:
    shown: dict[Slot, str] = {}
    for change in changes(facts, RULES):
        assert (change.before and change.before.value) == shown.pop(change.slot, None)
        if change.after:
            shown[change.slot] = change.after.value
    assert shown == {slot: fact.value for slot, fact in fold(facts, RULES).items()}


# -- a customer that is told about


def test_a_record_that_reads_the_same_is_no_change() -> None:
    customer, book = Customer("C1", 1, MONDAY, refs={"phone:1"}), Book()
    first = take_in([told("region", "CN"), told("name", "k1.x", token="t")], customer, book, RULES)
    assert first == (RecordChanged("C1", 2, ("name", "region")),)
    again = [told("region", "CN", at=1), told("name", "k2.y", token="t", at=1)]
    assert take_in(again, customer, book, RULES) == ()
    assert customer.version == 2
