"""Any order, any duplication, the same customers and the same held links, verdicts included.

posthog#6834: the same events in another order gave another profile, and nobody could say which was
right. Unomi's merge: what was read in between was neither. Here every permutation ends the same.
"""

import random
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from careline_profile.model import Created, Evidence, Graph, Merged, Pair, Ref, Split, Verdict, pair
from careline_profile.rules import customer_number, partition, usable
from tests.profile.histories import BLOCKED, MONDAY, RULES, History, history

PERMUTATIONS = 200
TIGHT = RULES._replace(max_identities=5, max_links_per_value=4)
UNLIMITED = RULES._replace(max_identities=1_000, max_links_per_value=1_000)


class Event(NamedTuple):
    minutes: int
    key: str
    refs: tuple[Ref, ...]


class Decided(NamedTuple):
    link: Pair
    verdict: Verdict


def _refs(*kinds: str) -> st.SearchStrategy[Ref]:
    return st.sampled_from([f"{kind}:{n}" for kind in kinds for n in range(4)])


CONFLICTING = _refs("phone", "email", "crm_number")
EVENTS = st.lists(
    st.tuples(st.integers(0, 9), st.lists(CONFLICTING, min_size=1, max_size=3, unique=True)),
    min_size=1,
    max_size=12,
).map(lambda drawn: [Event(at, f"{n:02}", tuple(refs)) for n, (at, refs) in enumerate(drawn)])
WAIVED = (frozenset[Pair](), frozenset({("crm_number:0", "crm_number:1")}))
"""What an approving person knew to contradict each other: nothing, or two numbers."""


@st.composite
def lives(draw: st.DrawFn) -> tuple[list[Event], list[Decided]]:
    """Events that contradict each other, and verdicts on some of the links that they make."""
    events = draw(EVENTS)
    links = sorted({pair(e.refs[0], other) for e in events for other in e.refs[1:]})
    if not links:
        return events, []
    judged = draw(st.lists(st.sampled_from(links), max_size=3, unique=True))
    return events, [
        Decided(
            link,
            Verdict(
                draw(st.booleans()), MONDAY + timedelta(hours=1 + n), draw(st.sampled_from(WAIVED))
            ),
        )
        for n, link in enumerate(judged)
    ]


def fold(events: Iterable[Event], verdicts: Iterable[Decided]) -> History:
    """The events in the order given; each verdict as soon as its link is known."""
    past = History(TIGHT)
    waiting = list(verdicts)
    for event in events:
        past.hear(*event.refs, at=MONDAY + timedelta(minutes=event.minutes), key=event.key)
        for decided in [v for v in waiting if v.link in past.graph.links]:
            waiting.remove(decided)
            past.apply(*decided)
    return past


@settings(max_examples=25)
@given(life=lives(), seed=st.integers(0, 2**32 - 1))
def test_posthog_6834_two_hundred_orders_with_duplicates_end_in_the_same_customers_and_held_links(
    life: tuple[list[Event], list[Decided]], seed: int
) -> None:
    events, verdicts = life
    draw = random.Random(seed)
    first = fold(events, verdicts)
    for _ in range(PERMUTATIONS):
        shuffled = [*events, *draw.sample(events, len(events) // 2)]
        draw.shuffle(shuffled)
        other = fold(shuffled, draw.sample(verdicts, len(verdicts)))
        assert other.partition == first.partition
        assert other.held == first.held


@given(life=lives())
def test_event_by_event_ends_where_the_whole_set_does(
    life: tuple[list[Event], list[Decided]],
) -> None:
    events, verdicts = life
    past = fold(events, verdicts)
    links: dict[Pair, Evidence] = {}
    for event in events:
        evidence = Evidence(MONDAY + timedelta(minutes=event.minutes), event.key)
        for other in event.refs[1:]:
            link = pair(event.refs[0], other)
            links[link] = min(evidence, links.get(link, evidence))
    partners = [ref for link in links for ref in link]
    shared = {ref for ref in partners if partners.count(ref) > TIGHT.max_links_per_value}
    said = dict(verdicts)
    groups, held = partition(past.graph.owners, links, said, shared, TIGHT)
    assert past.partition == {frozenset(group) for group in groups.values()}
    assert past.held == held


@given(life=lives())
def test_names_follow_by_their_moves_in_any_order_and_duplication(
    life: tuple[list[Event], list[Decided]],
) -> None:
    """What a subscriber does: of two moves of a name the higher holds, the first place else."""
    past = fold(*life)
    place: dict[str, tuple[int, str]] = {}
    moves = [m for c in past.changes if isinstance(c, Merged | Split) for m in c.moves]
    random.Random(len(moves)).shuffle(moves)
    for move in [*moves, *moves]:
        place[move.name] = max(place.get(move.name, (0, "")), (move.move, move.customer))
    for ref, number in past.graph.owners.items():
        if ref in place:
            assert place[ref][1] == number
    for number, customer in past.graph.customers.items():
        if number in place:
            assert place[number][1] == (customer.merged_into or number)


@given(life=lives())
def test_every_customer_knows_exactly_its_identities_aliases_and_versions(
    life: tuple[list[Event], list[Decided]],
) -> None:
    past = fold(*life)
    graph = past.graph
    for number, customer in graph.customers.items():
        assert customer.refs == {r for r, owner in graph.owners.items() if owner == number}
        if customer.merged_into is None:
            leading = {n for n, c in graph.customers.items() if c.merged_into == number}
            assert customer.aliases == leading
            assert customer.refs
        else:
            assert graph.customers[customer.merged_into].merged_into is None
    for number, versions in _versions(past).items():
        assert versions == list(range(1, len(versions) + 1)), number


@given(life=lives())
def test_a_number_leads_to_the_identity_that_it_began_with_for_ever(
    life: tuple[list[Event], list[Decided]],
) -> None:
    past = fold(*life)
    for change in past.changes:
        if isinstance(change, Created):
            customer = past.graph.customers[change.customer]
            assert (customer.merged_into or change.customer) == past.graph.owners[change.identity]


@given(life=lives())
def test_no_order_joins_what_must_be_single_but_where_a_person_approved(
    life: tuple[list[Event], list[Decided]],
) -> None:
    events, verdicts = life
    past = fold(events, [v for v in verdicts if not v.verdict.is_one])
    for group in past.partition:
        assert sum(ref.startswith("crm_number:") for ref in group) <= 1
        assert len(group) <= TIGHT.max_identities
    assert {ref for group in past.partition for ref in group} == {r for e in events for r in e.refs}
    # what was linked and is not one customer is held, with its reason
    for link in past.graph.links:
        apart = past.graph.owners[link[0]] != past.graph.owners[link[1]]
        assert apart == (link in past.held)


MIXED = st.lists(
    st.lists(
        st.sampled_from(
            [f"{kind}:{n}" for kind in ("phone", "email", "app_user") for n in range(4)]
            + ["device:d", "device:0", BLOCKED]
        ),
        min_size=1,
        max_size=4,
    ),
    max_size=25,
)


@given(events=MIXED, seed=st.integers(0, 2**32 - 1))
def test_without_contradictions_customers_are_the_connected_components(
    events: list[list[Ref]], seed: int
) -> None:
    expected = components(events)
    assert history(*events, rules=UNLIMITED).partition == expected
    random.Random(seed).shuffle(events)
    assert history(*events, rules=UNLIMITED).partition == expected


def components(events: Iterable[Sequence[Ref]]) -> set[frozenset[Ref]]:
    """The connected components, found in a way that shares nothing with the rules."""
    groups: list[set[Ref]] = []
    for event in events:
        joined = set(usable(event, RULES))
        if not joined:
            continue
        touching = [group for group in groups if group & joined]
        groups = [group for group in groups if not group & joined]
        groups.append(joined.union(*touching))
    return {frozenset(group) for group in groups}


def _versions(past: History) -> dict[str, list[int]]:
    """The versions of each number in the order in which they were said."""
    said: dict[str, list[int]] = {}
    for change in past.changes:
        for number, version in _concerned(change):
            said.setdefault(number, []).append(version)
    return said


def _concerned(change: object) -> list[tuple[str, int]]:
    match change:
        case Merged(customer, version, absorbed, absorbed_version, _):
            return [(absorbed[0], absorbed_version), (customer, version)]
        case Split(parts, redirected, _):
            return [*parts, *((r.customer, r.version) for r in redirected)]
        case _:
            return [(change.customer, change.version)]  # type: ignore[attr-defined]


def test_the_customer_that_a_number_names_is_computed_from_its_identity() -> None:
    past = history(["phone:1"])
    assert past.graph.owners["phone:1"] == customer_number("phone:1")
    assert isinstance(past.graph, Graph)
