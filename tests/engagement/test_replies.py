"""A reply is recognised over any channel (RET-1): which touchpoints answer an outreach."""

import random
from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careline_engagement.model import (
    ALWAYS,
    Case,
    Consent,
    Contact,
    Entry,
    Fact,
    Family,
    Ruling,
)
from careline_engagement.policy import EngagementPolicy
from careline_engagement.policy.steps import OutreachStep
from careline_engagement.rules import advance
from careline_runtime.errors import Misconfigured
from careline_runtime.policy import parse_policy
from tests.engagement.by_hand import a_book, after, shipped_policy

SHIPPED = shipped_policy()
BOOK = a_book(SHIPPED)
EVENING = 13.0
"""By then the quiet hours have begun in Shanghai: the outreach waits for the morning."""
SENT = 16.0


def a_fact(hours: float, kind: str) -> Fact:
    return Fact(after(hours), "A", kind, f"{kind}@{hours}")


def retention_of(facts: Sequence[Fact], *, hours: float = 0, days: float = 2) -> Case:
    """The case that a warning opens at an hour, as it is so many days after the start."""
    warning = Entry("A", "retention", "1", after(hours), "risk/high", "", 1, ("risk/high",), "w1")
    tier = {"A": [Ruling(1, ALWAYS, "tier", "basic")]}
    family = Family(frozenset("A"), {}, facts, entries=[warning], rulings=tier)
    [case] = advance(family, until=after(24 * days), book=BOOK).family.cases
    return case


@pytest.mark.parametrize(
    ("touchpoint", "detail"),
    [
        pytest.param("call.completed", "", id="phone: talks to us"),
        pytest.param("callback.requested", "callback.requested", id="phone: wants to be called"),
        pytest.param("chat-session.closed", "", id="chat"),
        pytest.param("sms.replied", "", id="sms"),
        pytest.param("enquiry.made", "enquiry.made", id="app: asks something"),
        pytest.param("order.placed", "order.placed", id="app: orders"),
        pytest.param("post.published", "post.published", id="community: writes"),
        pytest.param("answer.given", "answer.given", id="community: helps another"),
        pytest.param("store.visited", "store.visited", id="store: comes by"),
        pytest.param("purchase.completed", "purchase.completed", id="store: buys"),
        pytest.param("survey.answered", "survey.answered", id="any: gives an opinion"),
    ],
)
def test_a_customer_replies_over_any_channel(touchpoint: str, detail: str) -> None:
    case = retention_of([a_fact(5, touchpoint)])
    contact = case.steps["contact"]
    assert (contact.done_at, contact.detail) == (after(5), detail)
    assert contact.breached_at is None


@pytest.mark.parametrize(
    ("facts", "done_hours"),
    [
        pytest.param([a_fact(15, "store.visited")], None, id="before it went out: no reply to it"),
        pytest.param([a_fact(SENT, "store.visited")], None, id="nor at that very instant"),
        pytest.param([a_fact(SENT + 1, "store.visited")], SENT + 1, id="after it"),
        pytest.param(
            [a_fact(15, "store.visited"), a_fact(20, "post.published")], 20, id="the first after it"
        ),
        pytest.param([a_fact(20, "app-session.started")], None, id="a look at the app says little"),
    ],
)
def test_only_what_comes_after_an_outreach_replies_to_it(
    facts: list[Fact], done_hours: float | None
) -> None:
    case = retention_of(facts, hours=EVENING)
    assert case.steps["outreach"].sent_at == after(SENT)
    done_at = case.steps["contact"].done_at
    assert done_at == (None if done_hours is None else after(done_hours))


def test_who_comes_by_has_not_been_led_by_a_supervisor() -> None:
    case = retention_of([a_fact(1, "store.visited")])
    assert case.steps["contact"].done_at == after(1)
    assert case.steps["supervisor"].breached_at == after(2)


def test_who_comes_by_after_the_wake_up_is_not_asked_why_they_stay_away() -> None:
    dormant = Entry("A", "wake-up", "1", after(0), "need/dormant", "", 1, ("need/dormant",), "n1")
    tier = {"A": [Ruling(1, ALWAYS, "tier", "basic")]}
    agrees = [Consent(after(-1), "A", "any", "any", True, "c1")]
    family = Family(frozenset("A"), {}, entries=[dormant], rulings=tier, consents=agrees)
    for facts, asked in (([], True), ([a_fact(50, "store.visited")], False)):
        progress = advance(family._replace(facts=facts), until=after(24 * 20), book=BOOK)
        assert ("ask_why" in progress.family.cases[0].steps) is asked


def test_the_outreach_of_another_case_is_not_replied_to() -> None:
    """A birthday wish that went out makes no later visit a reply within retention."""
    earlier = Contact(after(-1), "A", "A-birthday-1", "message", "app", "care")
    warning = Entry("A", "retention", "1", after(0), "risk/high", "", 1, ("risk/high",), "w1")
    tier = {"A": [Ruling(1, ALWAYS, "tier", "basic")]}
    visit = a_fact(5, "store.visited")
    family = Family(
        frozenset("A"), {}, [visit], entries=[warning], rulings=tier, contacts=[earlier]
    )
    [case] = advance(family, until=after(24 * 2), book=BOOK).family.cases
    assert case.steps["outreach"].sent_at == after(23), "one voice a day"
    assert case.steps["contact"].done_at is None


RETENTION = SHIPPED.policy.by_name["retention"]
OUTREACH = RETENTION.by_name["outreach"]
assert isinstance(OUTREACH, OutreachStep)
TALKS = {"call.completed", "chat-session.closed", "sms.replied"}
BOUGHT = {"order.placed", "purchase.completed"}
kinds = st.sampled_from(sorted(OUTREACH.replied_by | TALKS - BOUGHT))
hours = st.integers(-5, 30)


@given(st.lists(st.tuples(hours, kinds), max_size=8), st.integers(0, 12), st.randoms())
def test_the_first_reply_counts_in_whatever_order_they_are_heard(
    lived: list[tuple[int, str]], opens: int, chance: random.Random
) -> None:
    facts = [a_fact(at, kind) for at, kind in lived]
    shuffled = chance.sample(facts, len(facts))
    case = retention_of(facts, hours=opens)
    assert retention_of(shuffled, hours=opens) == case
    sent_at = case.steps["outreach"].sent_at if "outreach" in case.steps else None
    replies = [
        fact.at
        for fact in facts
        if fact.at > after(opens)
        and (fact.kind in TALKS or (sent_at is not None and fact.at > sent_at))
    ]
    ended = [f.at for f in facts if f.kind in BOUGHT and f.at > after(opens)]
    expected = min(replies, default=None)
    if ended and expected is not None and expected > min(ended):
        expected = None  # saved before
    contact = case.steps["contact"]
    assert contact.done_at == expected
    missed = expected is None or expected - after(opens) > timedelta(hours=24)
    over = bool(ended) and min(ended) <= after(opens + 24)
    assert bool(contact.breached_at) is (missed and not over)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(
            ("          - outreach.answered/elsewhere\n", ""),
            "nothing looks at outreach.answered/elsewhere of step outreach",
            id="replies that nobody looks at",
        ),
        pytest.param(
            (
                "        replied_by: [enquiry.made, post.published, answer.given, store.visited]\n",
                "",
            ),
            "outreach.answered/elsewhere can't come: no outreach is replied_by anything",
            id="looked at, but nothing is one",
        ),
        pytest.param(
            ("          - callback.requested", "          - outreach.answered/read"),
            "'outreach.answered/read' is no touchpoint",
            id="what the channel answers is no touchpoint",
        ),
    ],
)
def test_replies_that_can_not_be_are_refused(change: tuple[str, str], reason: str) -> None:
    assert change[0] in SHIPPED.text
    with pytest.raises(Misconfigured, match=reason):
        parse_policy(EngagementPolicy, SHIPPED.text.replace(*change, 1), path="engagement.yaml")
