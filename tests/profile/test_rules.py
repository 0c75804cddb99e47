"""REC-1, REC-2: whose event it is, what links, what never does, and that order is no matter."""

from itertools import combinations

import pytest

from careline_profile.model import Held, Merged, Ref, Refused, Split
from careline_profile.rules import customer_number
from tests.profile.histories import BLOCKED, MONDAY, RULES, History, history

C = customer_number


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
            ["merged", "linked"],
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


def test_mautic_5495_two_identified_people_on_one_device_stay_two() -> None:
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
    merges = [change[:4] for change in past.changes if isinstance(change, Merged)]
    assert merges == [
        (C("email:a"), 2, (C("app_user:x"),), 2),
        (C("phone:1"), 2, (C("email:a"), C("app_user:x")), 3),
    ]
    for ref in ("phone:1", "email:a", "app_user:x"):
        assert past.graph.owners[ref] == C("phone:1")
    assert past.graph.customers[C("email:a")].merged_into == C("phone:1")


def test_equal_age_is_decided_by_the_number() -> None:
    past = History()
    for event in (["phone:1"], ["email:a"], ["phone:1", "email:a"]):
        customer = past.hear(*event, at=MONDAY)
    assert customer == min(C("phone:1"), C("email:a"))


def test_versions_of_a_customer_have_no_gap() -> None:
    past = history(["phone:1"], ["phone:1", "email:a"], ["app_user:x"], ["app_user:x", "phone:1"])
    said = [c for c in past.changes if not isinstance(c, Split)]
    versions = [c.version for c in said if c.customer == C("phone:1")]
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
        Held("single_valued_conflict", "crm_number"),
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
    assert past.graph.owners["crm_number:7"] == C("crm_number:7")


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
    assert {change.held.reason for change in refused} == {"component_too_large"}
    assert len(refused) == 3


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
