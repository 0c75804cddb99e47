"""REC-1, REC-2: whose event it is, what links, what never does, and that order is no matter."""

import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careline_profile.model import (
    Change,
    Created,
    Customer,
    Graph,
    Linked,
    LinkRules,
    Merged,
    Ref,
    Refused,
)
from careline_profile.rules import attach, customer_number, usable

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
BLOCKED = "phone:13800000000"
RULES = LinkRules(
    weak_kinds=frozenset({"device"}),
    single_valued_kinds=frozenset({"crm_number", "member_card"}),
    blocked=frozenset({BLOCKED, "device:0"}),
    max_identities=6,
)
C = customer_number


class History:
    """Events folded one after another, as a handler would."""

    def __init__(self, rules: LinkRules = RULES) -> None:
        self.rules = rules
        self.graph = Graph()
        self.changes: list[Change] = []
        self.count = 0

    def hear(self, *refs: Ref) -> str | None:
        """The customer of an event with these identities, None when it has none."""
        named = usable(refs, self.rules)
        if not named:
            return None
        at = MONDAY + timedelta(minutes=self.count)
        self.count += 1
        attachment = attach(named, self.graph, self.rules, at=at)
        assert attachment.identity == named[0]
        assert attachment.customer == self.graph.find(named[0])
        self.changes += attachment.changes
        return attachment.customer

    @property
    def partition(self) -> set[frozenset[Ref]]:
        """Which identities are one customer."""
        groups: dict[str | None, set[Ref]] = {}
        for ref in self.graph.labels:
            groups.setdefault(self.graph.find(ref), set()).add(ref)
        return {frozenset(group) for group in groups.values()}

    @property
    def words(self) -> list[str]:
        return [type(change).__name__.lower() for change in self.changes]


def history(*events: Sequence[Ref], rules: LinkRules = RULES) -> History:
    result = History(rules)
    for refs in events:
        result.hear(*refs)
    return result


# -- whose event it is


@pytest.mark.parametrize(
    ("before", "event", "customer", "words"),
    [
        pytest.param([], ["phone:1"], C("phone:1"), ["created"], id="the first of its identity"),
        pytest.param([["phone:1"]], ["phone:1"], C("phone:1"), [], id="known"),
        pytest.param(
            [], ["phone:1", "email:a"], C("phone:1"), ["created", "linked"], id="two new at once"
        ),
        pytest.param(
            [["phone:1"]], ["phone:1", "email:a"], C("phone:1"), ["linked"], id="known, then new"
        ),
        pytest.param(
            [["phone:1"]],
            ["email:a", "phone:1"],
            C("phone:1"),
            ["linked"],
            id="new, then known: joins, makes no customer that is merged away",
        ),
        pytest.param(
            [["phone:1"]],
            ["email:a", "app_user:x", "phone:1"],
            C("phone:1"),
            ["linked", "linked"],
            id="two new before the known one",
        ),
        pytest.param(
            [["phone:1"], ["email:a"]],
            ["email:a", "phone:1"],
            C("phone:1"),
            ["merged"],
            id="two customers: the oldest number stays, whichever is named first",
        ),
        pytest.param(
            [["phone:1"], ["email:a"]],
            ["app_user:x", "email:a", "phone:1"],
            C("phone:1"),
            ["linked", "merged"],
            id="a new identity joins and links",
        ),
        pytest.param([["phone:1"]], ["phone:1", "phone:1"], C("phone:1"), [], id="named twice"),
        pytest.param(
            [["phone:1"]],
            [BLOCKED, "phone:1"],
            C("phone:1"),
            [],
            id="a placeholder beside an identity does nothing",
        ),
        pytest.param([], [BLOCKED], None, [], id="only a placeholder: nobody's"),
        pytest.param([], [BLOCKED, "device:0"], None, [], id="only placeholders: nobody's"),
        pytest.param(
            [["phone:1"]],
            ["device:d", "phone:1"],
            C("phone:1"),
            [],
            id="a device beside an identity does nothing",
        ),
        pytest.param([], ["device:d"], C("device:d"), ["created"], id="only a device: its own"),
        pytest.param(
            [["phone:1", "device:d"]],
            ["device:d"],
            C("device:d"),
            ["created"],
            id="a device is not whoever used it first",
        ),
        pytest.param(
            [], ["device:d", "device:e"], C("device:d"), ["created"], id="devices never link"
        ),
    ],
)
def test_an_event_belongs_to_the_customer_of_its_first_usable_identity(
    before: list[list[Ref]], event: list[Ref], customer: str | None, words: list[str]
) -> None:
    past = history(*before)
    past.changes.clear()
    assert past.hear(*event) == customer
    assert past.words == words


def test_two_identified_people_on_one_device_stay_two() -> None:
    """mautic#5495: the device merged them, and one got the other's mail."""
    past = history(["app_user:ann", "device:d"], ["app_user:bob", "device:d"], ["device:d"])
    assert past.partition == {
        frozenset({"app_user:ann"}),
        frozenset({"app_user:bob"}),
        frozenset({"device:d"}),
    }


def test_a_placeholder_that_everybody_gives_makes_no_mega_customer() -> None:
    """posthog#5898: one shared value, and thousands of people were one."""
    past = history(*([f"app_user:{n}", BLOCKED] for n in range(100)))
    assert len(past.partition) == 100


# -- merges


def test_the_oldest_number_survives_and_the_others_lead_to_it() -> None:
    past = history(["phone:1"], ["email:a"], ["app_user:x"])
    past.hear("app_user:x", "email:a")
    past.hear("email:a", "phone:1")
    merges = [change for change in past.changes if isinstance(change, Merged)]
    assert merges == [
        Merged(C("email:a"), 2, (C("app_user:x"),)),
        Merged(C("phone:1"), 2, (C("email:a"), C("app_user:x"))),
    ]
    for ref in ("phone:1", "email:a", "app_user:x"):
        assert past.graph.find(ref) == C("phone:1")
    assert past.graph.customers[C("email:a")].merged_into == C("phone:1")


def test_equal_age_is_decided_by_the_number() -> None:
    graph = Graph()
    for ref in ("phone:1", "email:a"):
        attach([ref], graph, RULES, at=MONDAY)
    attachment = attach(["phone:1", "email:a"], graph, RULES, at=MONDAY)
    assert attachment.customer == min(C("phone:1"), C("email:a"))


def test_versions_of_a_customer_have_no_gap() -> None:
    past = history(["phone:1"], ["phone:1", "email:a"], ["app_user:x"], ["app_user:x", "phone:1"])
    versions = [c.version for c in past.changes if c.customer == C("phone:1")]
    assert versions == [1, 2, 3]
    assert past.graph.customers[C("app_user:x")].version == 2


# -- what must be single


def test_two_crm_numbers_stop_a_merge_and_ask_a_person() -> None:
    past = history(["crm_number:7", "phone:1"], ["crm_number:8", "email:a"])
    assert past.hear("phone:1", "email:a") == C("crm_number:7")
    assert past.changes[-1] == Refused(
        C("crm_number:7"),
        3,
        C("crm_number:8"),
        ("email:a", "phone:1"),
        "single_valued_conflict",
        "crm_number",
    )
    assert len(past.partition) == 2


def test_a_held_link_asks_only_once() -> None:
    past = history(["crm_number:7", "phone:1"], ["crm_number:8", "email:a"])
    for _ in range(3):
        past.hear("phone:1", "email:a")
        past.hear("email:a", "phone:1")
    assert past.words.count("refused") == 1


def test_a_second_member_card_becomes_a_customer_of_its_own() -> None:
    past = history(["member_card:1", "phone:1"])
    assert past.hear("phone:1", "member_card:2") == C("member_card:1")
    assert past.words[-2:] == ["created", "refused"]
    assert past.hear("member_card:2") == C("member_card:2")


def test_an_event_whose_own_identities_conflict_belongs_to_the_first() -> None:
    past = history(["crm_number:7", "crm_number:8"])
    assert past.words == ["created", "created", "refused"]
    assert past.graph.find("crm_number:7") == C("crm_number:7")


def test_a_held_link_does_not_keep_the_others_apart() -> None:
    past = history(["crm_number:7"], ["crm_number:7", "crm_number:8", "phone:1"])
    assert past.partition == {
        frozenset({"crm_number:7", "phone:1"}),
        frozenset({"crm_number:8"}),
    }


def test_a_customer_does_not_grow_beyond_the_limit() -> None:
    past = history(*(["phone:1", f"app_user:{n}"] for n in range(8)))
    assert max(map(len, past.partition)) == RULES.max_identities
    refused = [change for change in past.changes if isinstance(change, Refused)]
    assert {change.reason for change in refused} == {"component_too_large"}
    assert len(refused) == 3


# -- laws

REFS = st.sampled_from(
    [f"{kind}:{n}" for kind in ("phone", "email", "app_user") for n in range(4)]
    + ["device:d", "device:0", BLOCKED]
)
EVENTS = st.lists(st.lists(REFS, min_size=1, max_size=4), max_size=25)
UNLIMITED = RULES._replace(max_identities=1_000)


def components(events: Iterable[Sequence[Ref]]) -> set[frozenset[Ref]]:
    """The connected components, found in a way that shares nothing with the rules."""
    groups: list[set[Ref]] = []
    for event in events:
        refs = [ref for ref in event if ref not in RULES.blocked]
        strong = {ref for ref in refs if not ref.startswith("device:")}
        joined = strong or set(refs[:1])
        if not joined:
            continue
        touching = [group for group in groups if group & joined]
        groups = [group for group in groups if not group & joined]
        groups.append(joined.union(*touching))
    return {frozenset(group) for group in groups}


@given(events=EVENTS, seed=st.integers(0, 2**32 - 1))
def test_any_order_and_any_duplication_give_the_same_customers(
    events: list[list[Ref]], seed: int
) -> None:
    """posthog#6834: the same events in another order gave another profile."""
    expected = components(events)
    assert history(*events, rules=UNLIMITED).partition == expected
    shuffled = events + events[: len(events) // 2]
    random.Random(seed).shuffle(shuffled)
    assert history(*shuffled, rules=UNLIMITED).partition == expected


@given(events=EVENTS)
def test_the_same_events_in_the_same_order_give_the_same_changes(events: list[list[Ref]]) -> None:
    assert history(*events).changes == history(*events).changes


@given(events=EVENTS)
def test_a_number_once_given_leads_to_its_identity_for_ever(events: list[list[Ref]]) -> None:
    past = History()
    given_numbers: dict[str, Ref] = {}
    for event in events:
        past.hear(*event)
        for change in past.changes:
            if isinstance(change, Created):
                given_numbers[change.customer] = change.identity
        for number, ref in given_numbers.items():
            assert past.graph.resolve(number) == past.graph.find(ref)


CONFLICTING = st.lists(
    st.lists(
        st.sampled_from([f"{k}:{n}" for k in ("phone", "crm_number", "email") for n in range(4)]),
        min_size=1,
        max_size=3,
    ),
    max_size=25,
)


@given(events=CONFLICTING)
def test_no_order_ever_joins_what_must_be_single_or_loses_an_identity(
    events: list[list[Ref]],
) -> None:
    past = history(*events)
    for group in past.partition:
        assert sum(ref.startswith("crm_number:") for ref in group) <= 1
        assert len(group) <= RULES.max_identities
    assert {ref for group in past.partition for ref in group} == {r for e in events for r in e}
    # what was linked and is not one customer waits for a person
    for event in events:
        named = usable(event, RULES)
        for other in named[1:]:
            apart = past.graph.find(named[0]) != past.graph.find(other)
            assert not apart or tuple(sorted((named[0], other))) in past.graph.held


@given(events=CONFLICTING)
def test_every_customer_knows_exactly_its_identities_and_versions(events: list[list[Ref]]) -> None:
    past = history(*events)
    for number, customer in past.graph.customers.items():
        if customer.merged_into is None:
            assert customer.refs == {r for r in past.graph.labels if past.graph.find(r) == number}
            absorbed = {n for n in past.graph.customers if past.graph.resolve(n) == number}
            assert customer.aliases == absorbed - {number}
        versions = [change.version for change in past.changes if change.customer == number]
        assert versions == list(range(1, len(versions) + 1))


# -- numbers


def test_a_number_is_the_same_in_every_release() -> None:
    number = customer_number("phone:1")
    assert number == "CC57AAQCBE8BC"


def test_numbers_differ() -> None:
    numbers = {customer_number(f"member_card:{n}") for n in range(20_000)}
    assert len(numbers) == 20_000


def test_every_pair_of_kinds_links_except_weak_ones() -> None:
    kinds = ("phone", "email", "app_user", "chat_open_id", "community_user", "member_card")
    for one, other in combinations(kinds, 2):
        assert history([f"{one}:1", f"{other}:1"]).words == ["created", "linked"]


def test_a_loaded_customer_is_changed_like_one_that_was_made_here() -> None:
    graph = Graph(
        labels={"phone:1": "COLD", "email:a": "CYOUNG"},
        survivors={"COLDER": "COLD"},
        customers={
            "COLD": Customer("COLD", 4, MONDAY, {"phone:1"}, {"COLDER"}),
            "CYOUNG": Customer("CYOUNG", 9, MONDAY + timedelta(days=1), {"email:a"}),
        },
    )
    attachment = attach(["email:a", "phone:1", "app_user:x"], graph, RULES, at=MONDAY)
    assert attachment.changes == (
        Merged("COLD", 5, ("CYOUNG",)),
        Linked("COLD", 6, "app_user:x"),
    )
    assert graph.customers["CYOUNG"].version == 10
