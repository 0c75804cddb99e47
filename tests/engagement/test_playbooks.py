"""What playbooks can do, on the shipped ones: wait, branch, hold, ask for approval, leave alone."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
import yaml

from careline_engagement.model import ALWAYS, Case, Consent, Entry, Fact, Family, Ruling
from careline_engagement.policy import EngagementPolicy
from careline_engagement.policy.steps import Task
from careline_engagement.rules import Book, Edition, advance
from careline_engagement.rules.entry import decide, is_held_out
from careline_runtime.errors import Misconfigured
from careline_runtime.policy import parse_policy
from tests.engagement.by_hand import a_book, after, shipped_policy, shipped_with

SHIPPED = shipped_policy()
AGREES = Consent(after(-1), "A", "any", "any", True, "c1")


def an_entry(playbook: str, trigger: str, hours: float = 0, **fields: Any) -> Entry:
    given = {"key": "", "version": 0, "reasons": (trigger,), "event_id": "e1", **fields}
    return Entry("A", playbook, f"{trigger}-{hours}", after(hours), trigger, **given)


def a_fact(hours: float, kind: str, **fields: Any) -> Fact:
    return Fact(after(hours), "A", kind, f"{kind}@{hours}", **fields)


def a_family(*facts: Fact, entries: Sequence[Entry] = (), tier: str = "basic") -> Family:
    rulings = {"A": [Ruling(1, ALWAYS, "tier", tier)]}
    return Family(frozenset("A"), {}, facts, entries=entries, rulings=rulings, consents=[AGREES])


def diary(family: Family, *playbooks: str, days: float = 100) -> list[tuple[float, str, str]]:
    """Hours, kind and subject of everything that happens, waits and branches left out."""
    book = a_book(shipped_with(*playbooks))
    progress = advance(family, until=after(24 * days), book=book)
    return [
        ((n.move.at - after(0)) / timedelta(hours=1), n.move.kind, n.move.subject)
        for n in progress.news
        if n.move.kind != "passed"
    ]


DORMANT = an_entry("wake-up", "need/dormant")


@pytest.mark.parametrize(
    ("tier", "facts", "expected"),
    [
        pytest.param(
            "basic",
            [],
            [
                (168, "begun", "ask_why"),
                (240, "breached", "ask_why"),
                (1080, "closed", "ended"),
            ],
            id="no answer for a week: a person asks why",
        ),
        pytest.param(
            "basic",
            [a_fact(50, "sms.replied"), a_fact(60, "purchase.completed")],
            [(60, "closed", "reached")],
            id="answered and bought: nobody calls",
        ),
        pytest.param("edge", [], [(1080, "closed", "ended")], id="edge: not worth a call"),
        pytest.param(
            "basic",
            [a_fact(24, "outreach.answered/opted_out")],
            [(24, "closed", "withdrawn")],
            id="asked to be left alone",
        ),
    ],
)
def test_the_dormant_are_woken_and_then_asked(
    tier: str, facts: list[Fact], expected: list[tuple[float, str, str]]
) -> None:
    happened = diary(a_family(*facts, entries=[DORMANT], tier=tier), "wake-up")
    assert happened == [(0, "opened", "open"), (0, "sent", "message"), *expected]


def test_who_has_not_agreed_is_sent_no_message_and_the_case_goes_the_other_way() -> None:
    family = a_family(entries=[DORMANT])._replace(consents=[])
    assert diary(family, "wake-up") == [
        (0, "opened", "open"),
        (0, "suppressed", "message"),
        (1080, "closed", "ended"),
    ]


TROUBLE = a_fact(-5, "ticket.opened/L1", detail="T1")


@pytest.mark.parametrize(
    ("facts", "sent_after_hours"),
    [
        pytest.param([], 0, id="no ticket"),
        pytest.param([TROUBLE, a_fact(-1, "ticket.closed", detail="T1")], 0, id="solved before"),
        pytest.param([TROUBLE, a_fact(3, "ticket.closed", detail="T1")], 3, id="solved later"),
        pytest.param(
            [
                TROUBLE,
                a_fact(-3, "ticket.closed", detail="T1"),
                a_fact(-2, "ticket.reopened", detail="T1"),
                a_fact(2, "ticket.closed", detail="T1"),
            ],
            2,
            id="opened again",
        ),
        pytest.param([a_fact(-5, "ticket.opened/L3", detail="T2")], 0, id="only an enquiry"),
        pytest.param(
            [
                a_fact(-5, "ticket.closed", detail="T1", version=2),
                a_fact(-5, "ticket.opened/L1", detail="T1", version=1),
            ],
            0,
            id="reported late, when it was solved already",
        ),
        pytest.param(
            [
                a_fact(-5, "ticket.closed", detail="T1", version=2),
                a_fact(-5, "ticket.opened/L1", detail="T1", version=1),
                a_fact(-5, "ticket.reopened", detail="T1", version=3),
                a_fact(2, "ticket.closed", detail="T1", version=4),
            ],
            2,
            id="and has come back at the same instant",
        ),
        pytest.param([TROUBLE], None, id="not solved: no step begins"),
    ],
)
def test_a_case_is_held_while_something_serious_is_broken(
    facts: list[Fact], sent_after_hours: float | None
) -> None:
    family = a_family(*facts, entries=[an_entry("retention", "risk/high")])
    happened = diary(family, "retention", days=2)
    sent = [hours for hours, kind, _ in happened if kind == "sent"]
    assert sent == ([] if sent_after_hours is None else [sent_after_hours])
    assert happened[0] == (0, "opened", "open"), "the case itself is there at once"


def an_offer(hours: float, amount_minor: int) -> Fact:
    return a_fact(hours, "outreach.answered/offer", detail="10 %", amount_minor=amount_minor)


CASE = "A-retention-risk/high-0"


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param([an_offer(2, 4000)], [(2, "done")], id="small: the agent's own to give"),
        pytest.param(
            [an_offer(2, 10_000)], [(2, "offer_held"), (24, "breached")], id="nobody approves"
        ),
        pytest.param(
            [an_offer(2, 10_000), a_fact(5, "offer.approved", request=CASE)],
            [(2, "offer_held"), (5, "done")],
            id="approved",
        ),
        pytest.param(
            [an_offer(2, 10_000), a_fact(5, "offer.approved", request="another")],
            [(2, "offer_held"), (24, "breached")],
            id="another case's approval",
        ),
        pytest.param(
            [an_offer(2, 30_000), a_fact(5, "offer.approved", request=CASE)],
            [(2, "offer_held"), (24, "breached")],
            id="above the tier's limit: nobody may approve it",
        ),
        pytest.param(
            [
                an_offer(2, 10_000),
                a_fact(3, "offer.refused", request=CASE),
                a_fact(4, "offer.approved", request=CASE),
            ],
            [(2, "offer_held"), (3, "offer_refused"), (24, "breached")],
            id="refused: nothing is left to approve",
        ),
        pytest.param(
            [
                an_offer(2, 10_000),
                a_fact(3, "offer.refused", request=CASE),
                an_offer(4, 8_000),
                a_fact(5, "offer.approved", request=CASE),
            ],
            [(2, "offer_held"), (3, "offer_refused"), (4, "offer_held"), (5, "done")],
            id="refused, and another one approved",
        ),
        pytest.param(
            [an_offer(2, 10_000), an_offer(3, 12_000)],
            [(2, "offer_held"), (3, "offer_held"), (24, "breached")],
            id="each that needs approval is said",
        ),
        pytest.param(
            [an_offer(2, 30_000), an_offer(4, 5000)],
            [(2, "offer_held"), (4, "done")],
            id="a smaller one instead",
        ),
    ],
)
def test_an_offer_within_limits(facts: list[Fact], expected: list[tuple[float, str]]) -> None:
    family = a_family(*facts, entries=[an_entry("retention", "risk/high")])
    happened = diary(family, "retention", days=2)
    about = [(hours, kind) for hours, kind, step in happened if step == "offer" and kind != "begun"]
    assert about == expected


def test_a_keyed_playbook_has_a_case_for_each_key() -> None:
    ends = [
        an_entry("renewal", "moment/contract_end", hours, key=contract)
        for hours, contract in ((0, "K1"), (1, "K2"))
    ]
    opened = [move for move in diary(a_family(entries=ends), "renewal") if move[1] == "opened"]
    assert len(opened) == 2


def test_a_few_are_left_alone_and_measured_all_the_same() -> None:
    [playbook] = shipped_with("recall").policy.playbooks
    people = [f"C-{n}" for n in range(2000)]
    held_out = [person for person in people if is_held_out(playbook, person)]
    assert 330 < len(held_out) < 470, "a fifth"
    again = playbook.model_copy(update={"version": 2})
    assert {p for p in people if is_held_out(again, p)} != set(held_out), "drawn anew"

    number = held_out[0]
    entry = an_entry("recall", "tier/edge")._replace(number=number)
    bought = a_fact(900, "purchase.completed")._replace(number=number)
    family = Family(frozenset([number]), {}, [bought], entries=[entry])
    assert decide(entry, family, playbook) == "held_out"
    progress = advance(family, until=after(2000), book=a_book(shipped_with("recall")))
    assert [n.move.kind for n in progress.news] == ["opened", "closed"]
    assert progress.family.cases[0].status == "reached"


@pytest.mark.parametrize(
    ("running_cases", "ends"),
    [
        pytest.param("finish", ("lost", 30 * 24), id="finishes on the wording that it began with"),
        pytest.param("move", ("saved", 48), id="or moves, if the new one says so"),
    ],
)
def test_a_running_case_when_the_wording_changes(
    running_cases: str, ends: tuple[str, float]
) -> None:
    editions = [
        Edition(ALWAYS, SHIPPED.policy, "1"),
        Edition(after(12), reworded(running_cases), "2"),
    ]
    book = Book(editions)
    answered = a_fact(48, "survey.answered")
    family = a_family(answered, entries=[an_entry("retention", "risk/high")])
    [case] = advance(family, until=after(24 * 99), book=book).family.cases
    assert (case.policy_version, case.status, case.closed_at) == ("1", ends[0], after(ends[1]))
    later = a_family(entries=[an_entry("retention", "risk/high", 48)])
    [case] = advance(later, until=after(24 * 99), book=book).family.cases
    assert case.policy_version == "2"


def reworded(running_cases: str) -> EngagementPolicy:
    """The shipped policy, in which an answered survey is as good as a purchase."""
    written = yaml.safe_load(SHIPPED.text)
    retention = written["playbooks"][0]
    retention["goal"]["by"] = ["survey.answered"]
    retention["running_cases"] = running_cases
    return EngagementPolicy.model_validate(written)


def test_a_wording_that_was_only_in_a_file_gives_way_to_the_present_one() -> None:
    [playbook] = shipped_with("retention").policy.playbooks
    gone = a_running_case()._replace(digest="00000000")
    assert a_book(SHIPPED).playbook_of(gone).digest == playbook.digest


def a_running_case() -> Case:
    family = a_family(entries=[an_entry("retention", "risk/high")])
    return advance(family, until=after(0), book=a_book(SHIPPED)).family.cases[0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(
            ("suppressed: nobody_asked", "suppressed: nobody"), "unknown step nobody", id="unknown"
        ),
        pytest.param(
            ("then: nobody_asked", "then: message"), "goes back to message", id="backwards"
        ),
        pytest.param(
            ("script: wake-up", "script: wake"), "there is no script wake", id="no such script"
        ),
        pytest.param(
            ("channel: sms", "channel: fax"), "Input should be 'phone', ", id="no channel"
        ),
        pytest.param(
            ("trigger: moment/quarter", "trigger: moment/quarters"),
            "moment/quarters is neither birthday",
            id="no such date",
        ),
        pytest.param(
            ("core: { at_most_days: 14,", "core: { at_most_days: 3,"),
            "a contact every 3 days is more than 5 in 30 days",
            id="a cadence that the caps forbid",
        ),
        pytest.param(
            ("window_days: 12 #", "window_days: 13 #"),
            "a contact with core customers is asked for every 12 days, account-call can't begin "
            "again before 13",
            id="a playbook too slow for its cadence",
        ),
        pytest.param(
            ("notice_days: 2 }", "notice_days: 14 }"), "the notice is as long", id="only notice"
        ),
    ],
)
def test_a_playbook_that_can_not_work_is_refused(change: tuple[str, str], reason: str) -> None:
    assert change[0] in SHIPPED.text
    with pytest.raises(Misconfigured, match=reason):
        parse_policy(EngagementPolicy, SHIPPED.text.replace(*change), path="engagement.yaml")


@pytest.mark.parametrize(
    ("handling", "channel", "supervisor_hours"),
    [
        pytest.param((), "sms", 2, id="as everybody of the tier"),
        pytest.param(("person_at_once", "slow_script"), "phone", 1, id="a person, at once"),
        pytest.param(("priority_lane",), "sms", 2, id="first in the queue, in the usual way"),
    ],
)
def test_who_is_given_special_care(
    handling: tuple[str, ...], channel: str, supervisor_hours: float
) -> None:
    said = [Ruling(1, ALWAYS, "tier", "basic")]
    said += [Ruling(1, ALWAYS, "handling", ", ".join(handling))] if handling else []
    family = a_family(entries=[an_entry("retention", "risk/high")])
    progress = advance(family._replace(rulings={"A": said}), until=after(0), book=a_book(SHIPPED))
    [sent] = [news.move for news in progress.news if news.move.kind == "sent"]
    assert sent.detail == channel
    assert progress.family.cases[0].steps["supervisor"].due_at == after(supervisor_hours)


def test_who_is_to_talk_to_a_customer_is_told_what_to_say() -> None:
    tasks = [
        step
        for playbook in SHIPPED.policy.playbooks
        for step in playbook.steps
        if isinstance(step, Task)
    ]
    assert all(task.script for task in tasks)
    assert len(tasks) >= 5


@pytest.mark.parametrize(
    ("change", "step", "reason"),
    [
        pytest.param(
            ("then: nobody_asked", "then: message"),
            "answer",
            "step answer goes back to message",
            id="backwards",
        ),
        pytest.param(
            ("then: nobody_asked", "then: nobody_asked\n        timeout: ask_why"),
            "worth_a_call",
            "step worth_a_call can't be reached",
            id="answered or not, nobody comes there",
        ),
    ],
)
def test_a_flaw_is_named_with_the_line_of_its_step(
    change: tuple[str, str], step: str, reason: str
) -> None:
    assert SHIPPED.text.count(change[0]) == 1
    text = SHIPPED.text.replace(*change)
    rows = enumerate(text.splitlines(), 1)
    named = [f"engagement.yaml:{n}:" for n, row in rows if row.strip() == f"- step: {step}"]
    with pytest.raises(Misconfigured) as refused:
        parse_policy(EngagementPolicy, text, path="engagement.yaml")
    assert any(line in str(refused.value) for line in named)
    assert reason in str(refused.value)


def test_every_kind_of_step_is_in_use() -> None:
    written = yaml.safe_load(SHIPPED.text)
    used = {step["do"] for playbook in written["playbooks"] for step in playbook["steps"]}
    kinds = {"assign", "task", "expect", "offer", "outreach", "wait", "wait_until", "branch"}
    assert used == kinds | {"escalate"}, "`end` has no place in the handbooks yet"
