"""Customers that turn out to be several: whatever was wrong about a merge can be undone exactly."""

from datetime import timedelta

import pytest

from careline_profile.model import Held, Merged, Refused, Split
from careline_profile.rules import customer_number
from tests.profile.histories import MONDAY, RULES, History, history

C = customer_number
ANN, ANNS_MAIL, BOB, BOBS_MAIL = "phone:1", "email:ann", "phone:2", "email:bob"


def wrongly_merged() -> History:
    """Ann's event carried Bob's phone."""
    return history([ANN, ANNS_MAIL], [BOB, BOBS_MAIL], [ANN, BOB])


def split_of(past: History) -> Split:
    [split] = [change for change in past.changes if isinstance(change, Split)]
    return split


# -- a person cuts


def test_a_cut_gives_both_their_own_number_back() -> None:
    past = wrongly_merged()
    assert len(past.partition) == 1
    past.judge(ANN, BOB, is_one=False)
    assert past.partition == {frozenset({ANN, ANNS_MAIL}), frozenset({BOB, BOBS_MAIL})}
    assert past.graph.owners[BOBS_MAIL] == C(BOB)
    split = split_of(past)
    assert [part.customer for part in split.parts] == [C(ANN), C(BOB)]
    assert {(m.name, m.customer, m.move) for m in split.moves} == {
        (BOB, C(BOB), 2),
        (BOBS_MAIL, C(BOB), 2),
        (C(BOB), C(BOB), 2),
    }


def test_later_traffic_never_joins_what_a_person_cut() -> None:
    past = wrongly_merged()
    past.judge(ANN, BOB, is_one=False)
    past.hear(ANN, BOB)
    past.hear(ANNS_MAIL, BOBS_MAIL)
    past.hear("app_user:x", ANN)
    past.hear("app_user:x", BOB)
    assert past.partition == {
        frozenset({ANN, ANNS_MAIL, "app_user:x"}),
        frozenset({BOB, BOBS_MAIL}),
    }
    assert past.held[(BOBS_MAIL, ANNS_MAIL) if BOBS_MAIL < ANNS_MAIL else (ANNS_MAIL, BOBS_MAIL)]
    assert {why.reason for why in past.held.values()} == {"kept_apart"}


def test_a_cut_is_said_and_the_same_link_is_not_put_up_for_review_again() -> None:
    past = wrongly_merged()
    past.judge(ANN, BOB, is_one=False)
    past.hear(ANN, BOB)
    assert "refused" not in past.words
    assert past.words[-2:] == ["judged", "split"]


def test_posthog_104939_splitting_off_the_identity_it_began_with_blanks_nobody() -> None:
    """posthog#104939: splitting the creator's id did nothing, and the person was left blank."""
    past = history([ANN], [ANN, ANNS_MAIL], [ANNS_MAIL, "app_user:x"])
    past.judge(ANN, ANNS_MAIL, is_one=False)
    assert past.partition == {frozenset({ANN}), frozenset({ANNS_MAIL, "app_user:x"})}
    assert past.graph.owners[ANN] == C(ANN)
    # never a customer before: it has the number that it would have had
    assert past.graph.owners[ANNS_MAIL] == C(ANNS_MAIL)
    for customer in past.graph.customers.values():
        assert (customer.merged_into is None) == bool(customer.refs)


def test_a_merge_after_a_split_counts_on_where_the_split_left_off() -> None:
    past = wrongly_merged()
    past.judge(ANN, BOB, is_one=False)
    past.judge(ANN, BOB, is_one=True)
    assert len(past.partition) == 1
    merged = past.changes[-1]
    assert isinstance(merged, Merged)
    assert {(m.name, m.customer, m.move) for m in merged.moves} == {
        (BOB, C(ANN), 3),
        (BOBS_MAIL, C(ANN), 3),
        (C(BOB), C(ANN), 3),
    }


def test_an_alias_goes_with_the_identity_that_it_began_with() -> None:
    past = history([ANN], [BOB], ["app_user:x"], ["app_user:x", BOB], [BOB, ANN])
    assert past.graph.customers[C("app_user:x")].merged_into == C(ANN)
    past.judge(BOB, ANN, is_one=False)
    split = split_of(past)
    assert past.graph.customers[C("app_user:x")].merged_into == C(BOB)
    assert past.graph.customers[C(BOB)].aliases == {C("app_user:x")}
    assert past.graph.customers[C(ANN)].aliases == set()
    assert [(r.customer, r.into) for r in split.redirected] == [(C("app_user:x"), C(BOB))]


# -- a person approves or refuses what was held


def conflict() -> History:
    return history(["crm_number:7", ANN], ["crm_number:8", BOB], [ANN, BOB])


def test_an_approved_link_joins_in_spite_of_the_rule() -> None:
    past = conflict()
    assert len(past.partition) == 2
    past.judge(ANN, BOB, is_one=True)
    assert len(past.partition) == 1
    assert past.held == {}
    assert past.words[-2:] == ["judged", "merged"]


def test_after_an_approval_a_third_number_still_asks() -> None:
    past = conflict()
    past.judge(ANN, BOB, is_one=True)
    past.hear(ANN, "crm_number:9")
    assert len(past.partition) == 2
    assert isinstance(past.changes[-1], Refused)


def test_a_refused_link_stays_held_and_asks_no_more() -> None:
    past = conflict()
    past.judge(ANN, BOB, is_one=False)
    past.hear(BOB, ANN)
    assert past.held == {(ANN, BOB): Held("kept_apart")}
    assert past.words.count("refused") == 1


def test_who_was_said_to_be_two_is_not_approved_to_be_one_over_a_third() -> None:
    past = history([ANN, BOB], [BOB, "email:c"])
    past.judge(ANN, BOB, is_one=False)
    past.hear(ANN, "email:c")
    past.judge(ANN, "email:c", is_one=True)
    assert past.graph.owners[ANN] != past.graph.owners[BOB]


# -- a late event


def test_a_late_link_that_came_first_undoes_a_merge_and_makes_the_right_one() -> None:
    """posthog#6834: what arrived first won. Here what happened first does."""
    past = History()
    past.hear("crm_number:7", ANN, at=MONDAY)
    past.hear("crm_number:8", BOB, at=MONDAY)
    past.hear(ANN, "email:c", at=MONDAY + timedelta(hours=2))
    past.hear(BOB, "email:c", at=MONDAY + timedelta(hours=1))
    assert past.partition == {
        frozenset({"crm_number:7", ANN}),
        frozenset({"crm_number:8", BOB, "email:c"}),
    }
    assert past.words[-3:] == ["split", "merged", "refused"]
    assert (ANN, "email:c") in past.held or ("email:c", ANN) in past.held


# -- values that many share


def test_a_value_that_came_with_too_many_joins_nobody_and_frees_those_it_had_joined() -> None:
    """posthog#11873: a value that everybody sends made one person of thousands."""
    rules = RULES._replace(max_identities=50, max_links_per_value=3)
    past = history(*(["phone:shop", f"app_user:{n}"] for n in range(3)), rules=rules)
    assert len(past.partition) == 1
    past.hear("phone:shop", "app_user:3")
    assert past.partition == {
        frozenset({"phone:shop"}),
        *(frozenset({f"app_user:{n}"}) for n in range(4)),
    }
    assert {why.reason for why in past.held.values()} == {"shared_value"}
    assert len(split_of(past).parts) == 4


def test_what_a_shared_value_had_joined_stays_joined_by_what_else_says_so() -> None:
    rules = RULES._replace(max_identities=50, max_links_per_value=3)
    past = history(["app_user:0", "app_user:1"], rules=rules)
    for n in range(4):
        past.hear("phone:shop", f"app_user:{n}")
    assert frozenset({"app_user:0", "app_user:1"}) in past.partition


def test_a_person_may_approve_one_link_of_a_shared_value() -> None:
    rules = RULES._replace(max_identities=50, max_links_per_value=1)
    past = history(["phone:shop", "app_user:0"], ["phone:shop", "app_user:1"], rules=rules)
    past.judge("phone:shop", "app_user:0", is_one=True)
    assert frozenset({"phone:shop", "app_user:0"}) in past.partition


@pytest.mark.parametrize("companion", ["app_user:ann", "email:ann"])
def test_a_value_that_the_policy_knows_to_be_shared_is_as_good_as_weak(companion: str) -> None:
    past = history(["phone:switchboard", companion], ["phone:switchboard", "app_user:bob"])
    assert past.partition == {frozenset({companion}), frozenset({"app_user:bob"})}
    past.hear("phone:switchboard")
    assert len(past.partition) == 3
