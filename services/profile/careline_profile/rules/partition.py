"""Which identities are one customer: a function of links, verdicts and policy, in no order of time.

Links are taken in the order of their earliest evidence, those that a person approved first. Each
joins what its ends belong to so far, unless that would break a rule: then it is held. As sets have
no order of arrival, neither has the result (docs/decisions/0017).
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from typing import NamedTuple

from careline_profile.model import Evidence, Held, LinkRules, Pair, Ref, Verdict, pair
from careline_profile.rules.names import is_strong, kind_of


class Partition(NamedTuple):
    """The customers that identities make, and the links that join nobody, with the reason."""

    groups: dict[Ref, set[Ref]]
    """Each identity's group; members of one share the set."""
    held: dict[Pair, Held]


def partition(
    refs: Iterable[Ref],
    links: Mapping[Pair, Evidence],
    verdicts: Mapping[Pair, Verdict],
    shared: Set[Ref],
    rules: LinkRules,
) -> Partition:
    """The customers of these identities; all links are among them."""
    groups = {ref: {ref} for ref in refs}
    apart = [link for link, verdict in verdicts.items() if not verdict.is_one]
    waived = {link for verdict in verdicts.values() if verdict.is_one for link in verdict.waives}
    held: dict[Pair, Held] = {}
    for link in _in_order(links, verdicts):
        one, other = groups[link[0]], groups[link[1]]
        if one is other:
            continue
        verdict = verdicts.get(link)
        why = _kept_apart(one, other, apart)
        if why is None and not (verdict and verdict.is_one):
            why = _why_apart(link, one, other, shared, waived, rules)
        if why is not None:
            held[link] = why
            continue
        larger, smaller = (one, other) if len(one) >= len(other) else (other, one)
        larger |= smaller
        groups.update(dict.fromkeys(smaller, larger))
    # a value that many share says nothing, but others may say the same
    held = {link: why for link, why in held.items() if groups[link[0]] is not groups[link[1]]}
    return Partition(groups, held)


def links_people(link: Pair, rules: LinkRules) -> bool:
    """Whether the policy lets these two say anything of each other; it may have changed since."""
    return all(is_strong(ref, rules) for ref in link)


def _in_order(links: Mapping[Pair, Evidence], verdicts: Mapping[Pair, Verdict]) -> Iterator[Pair]:
    """Approved links by when they were approved, then the others by when they were first seen."""
    approved = {link for link, verdict in verdicts.items() if verdict.is_one}
    yield from sorted(approved, key=lambda link: (verdicts[link].decided_at, link))
    yield from sorted(links.keys() - approved, key=lambda link: (links[link], link))


def _kept_apart(one: Set[Ref], other: Set[Ref], apart: Iterable[Pair]) -> Held | None:
    """A person's word holds for whatever else links the two."""
    for a, b in apart:
        if (a in one and b in other) or (a in other and b in one):
            return Held("kept_apart")
    return None


def _why_apart(
    link: Pair,
    one: Set[Ref],
    other: Set[Ref],
    shared: Set[Ref],
    waived: Set[Pair],
    rules: LinkRules,
) -> Held | None:
    """The rule that keeps the customers of a link from being one, if any does."""
    if not shared.isdisjoint(link):
        return Held("shared_value")
    if conflicts := contradictions(one, other, rules) - waived:
        return Held("single_valued_conflict", min(kind_of(a) for a, _ in conflicts))
    if len(one) + len(other) > rules.max_identities:
        return Held("component_too_large")
    return None


def contradictions(one: Set[Ref], other: Set[Ref], rules: LinkRules) -> set[Pair]:
    """Pairs of different values, one of each customer, of what a customer has one of."""
    single = rules.single_valued_kinds
    here, there = ([ref for ref in refs if kind_of(ref) in single] for refs in (one, other))
    return {pair(a, b) for a in here for b in there if kind_of(a) == kind_of(b)}
