"""When many customers have one problem: clusters of similar tickets, their grade, one crisis each.

What may be compared is what is not sealed: category and product, as channels name them. The texts
of customers stay closed. Which tickets make a crisis depends on the tickets alone, not on the order
in which we heard of them.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import combinations
from typing import NamedTuple

from rapidfuzz import fuzz, utils

from careline_contracts.events.ticketing import Level
from careline_ticketing.policy import CrisisGrade, CrisisRules

_NUMBER = re.compile(r"\d+")


class Affected(NamedTuple):
    """A ticket of the window: who has it, about what, and how urgent it is."""

    ticket: str
    customer: str
    label: str
    """Category and product, as the channel named them."""
    level: Level
    opened_at: datetime
    tier: str | None
    """What the customer is worth, as scoring said last."""


@dataclass(frozen=True, slots=True)
class Crisis:
    """One problem of many customers, from its opening to its post-mortem."""

    id: str
    version: int
    grade: int
    """1 is the gravest."""
    labels: tuple[str, ...]
    owner: str
    opened_at: datetime
    tickets: tuple[str, ...]
    customers: int
    """How many have been affected so far."""
    weight: float
    closed_at: datetime | None = None
    closed_by: str | None = None
    cause: str | None = None
    lesson: str | None = None
    actions: tuple[str, ...] = ()


def clusters(affected: Iterable[Affected], rules: CrisisRules) -> list[list[Affected]]:
    """Tickets whose labels are alike, directly or through others; each in order of opening."""
    by_label: dict[str, list[Affected]] = {}
    for ticket in affected:
        by_label.setdefault(ticket.label, []).append(ticket)
    leader = {label: label for label in by_label}
    for one, other in combinations(sorted(by_label), 2):
        if _alike(one, other) >= rules.alike_percent:
            first, second = sorted((_lead(leader, one), _lead(leader, other)))
            leader[second] = first
    together: dict[str, list[Affected]] = {}
    for label in sorted(by_label):
        together.setdefault(_lead(leader, label), []).extend(by_label[label])
    return [sorted(found, key=lambda a: (a.opened_at, a.ticket)) for found in together.values()]


def grade(cluster: Sequence[Affected], rules: CrisisRules) -> tuple[CrisisGrade | None, float]:
    """How grave it is: customers affected × what they are worth × how urgent it is for each."""
    heaviest: dict[str, float] = {}
    for one in cluster:
        weight = rules.worth.get(one.tier or "", rules.worth_unknown) * rules.urgency[one.level]
        heaviest[one.customer] = max(weight, heaviest.get(one.customer, 0.0))
    total = sum(heaviest.values())
    for candidate in rules.grades:
        if len(heaviest) >= candidate.customers and total >= candidate.weight:
            return candidate, total
    return None, total


def crises(
    affected: Iterable[Affected], known: Sequence[Crisis], rules: CrisisRules, as_of: datetime
) -> list[Crisis]:
    """The crises that are new, or have become graver or larger, as of an instant."""
    found = []
    for cluster in clusters(affected, rules):
        graded, weight = grade(cluster, rules)
        before = _same(cluster, known)
        if before is None and graded is not None:
            found.append(_opened(cluster, graded, weight, as_of))
        elif before is not None and (grown := _grown(before, cluster, graded, weight)) != before:
            found.append(grown)
    return found


def _opened(
    cluster: Sequence[Affected], graded: CrisisGrade, weight: float, as_of: datetime
) -> Crisis:
    return Crisis(
        id=f"K{cluster[0].ticket.removeprefix('T')}",
        version=1,
        grade=graded.grade,
        labels=tuple(sorted({one.label for one in cluster})),
        owner=graded.owner,
        opened_at=as_of,
        tickets=tuple(one.ticket for one in cluster),
        customers=0,
        weight=weight,
    )


def _grown(
    before: Crisis, cluster: Sequence[Affected], graded: CrisisGrade | None, weight: float
) -> Crisis:
    tickets = tuple(dict.fromkeys((*before.tickets, *(one.ticket for one in cluster))))
    graver = graded is not None and graded.grade < before.grade
    if tickets == before.tickets and not graver:
        return before
    return replace(
        before,
        version=before.version + 1,
        grade=graded.grade if graded is not None and graver else before.grade,
        owner=graded.owner if graded is not None and graver else before.owner,
        labels=tuple(sorted({*before.labels, *(one.label for one in cluster)})),
        tickets=tickets,
        weight=max(weight, before.weight),
    )


def _same(cluster: Sequence[Affected], known: Sequence[Crisis]) -> Crisis | None:
    tickets, labels = {one.ticket for one in cluster}, {one.label for one in cluster}
    for crisis in known:
        if crisis.closed_at is None and (
            tickets.intersection(crisis.tickets) or labels.intersection(crisis.labels)
        ):
            return crisis
    return None


def _alike(one: str, other: str) -> float:
    """How alike two labels are, in per cent. Numbers are names: `Error 55` is not `Error 56`."""
    if _NUMBER.findall(one) != _NUMBER.findall(other):
        return 0.0
    one, other = utils.default_process(one), utils.default_process(other)
    # `log-in app` and `login app` have no word in common but one
    closed = fuzz.ratio(one.replace(" ", ""), other.replace(" ", ""))
    return max(fuzz.token_set_ratio(one, other), closed)


def _lead(leader: Mapping[str, str], label: str) -> str:
    while leader[label] != label:
        label = leader[label]
    return label
