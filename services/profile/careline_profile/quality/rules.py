"""REC-4: what counts come to, and which two customers may be one person."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from rapidfuzz import fuzz

from careline_profile.quality.model import Check, FieldQuality, Share, SourceQuality, together
from careline_profile.record.policy import FieldPolicy


class Told(NamedTuple):
    """What a source said of a field: how often, and how often in a form that can be."""

    field: str
    source: str
    said: int
    valid: int


class Agreed(NamedTuple):
    """What a source said, unchecked, of values that somebody verified; and how often the same."""

    field: str
    source: str
    compared: int
    same: int


class Counts(NamedTuple):
    """Everything that a check counts."""

    at: datetime
    customers: int
    parties: Mapping[str, int]
    """How many customers are individuals, and how many companies."""
    having: Mapping[tuple[str, str], int]
    """How many have a field, by field and party; the party empty where it isn't known."""
    fresh: Mapping[str, Share]
    told: Sequence[Told]
    agreed: Sequence[Agreed]
    in_duplicates: int


def check(counts: Counts, fields: Mapping[str, FieldPolicy]) -> Check:
    """The shares that these counts are."""
    found = [_field(name, field, counts) for name, field in sorted(fields.items())]
    names = {one.source for one in counts.told}
    return Check(
        at=counts.at,
        customers=counts.customers,
        completeness=together(one.completeness for one in found),
        validity=together(one.validity for one in found),
        uniqueness=Share(good=counts.customers - counts.in_duplicates, of=counts.customers),
        freshness=together(one.freshness for one in found),
        accuracy=together(one.accuracy for one in found),
        fields=found,
        sources=[
            SourceQuality(
                source=name,
                validity=_validity(one for one in counts.told if one.source == name),
                accuracy=_accuracy(one for one in counts.agreed if one.source == name),
            )
            for name in sorted(names)
        ],
    )


def _field(name: str, field: FieldPolicy, counts: Counts) -> FieldQuality:
    return FieldQuality(
        field=name,
        completeness=_completeness(name, field, counts),
        validity=_validity(one for one in counts.told if one.field == name),
        freshness=counts.fresh.get(name, Share()),
        accuracy=_accuracy(one for one in counts.agreed if one.field == name),
    )


def _completeness(name: str, field: FieldPolicy, counts: Counts) -> Share:
    match field.expected_of:
        case "nobody":
            return Share()
        case "everyone":
            having = sum(count for (of, _), count in counts.having.items() if of == name)
            return Share(good=having, of=counts.customers)
        case party:
            return Share(good=counts.having.get((name, party), 0), of=counts.parties.get(party, 0))


def _validity(told: Iterable[Told]) -> Share:
    return together(Share(good=one.valid, of=one.said) for one in told)


def _accuracy(agreed: Iterable[Agreed]) -> Share:
    return together(Share(good=one.same, of=one.compared) for one in agreed)


class Namesake(NamedTuple):
    """A customer who shares a name with another."""

    customer: str
    region: str | None
    contacts: Mapping[str, Sequence[str]]
    """Phone numbers and e-mail addresses, by kind, in clear: they go nowhere from here."""


class Duplicate(NamedTuple):
    """Two customers who may be one person, and how alike their contacts are, from 0 to 100."""

    a: str
    b: str
    similarity: int
    kind: str
    """Of the contacts that are alike."""


def duplicates(namesakes: Sequence[Namesake], *, least_similarity: int) -> list[Duplicate]:
    """The pairs of one name, one region as far as known, and a contact that is nearly the same.

    A typing error in a number, a second address at another host: two customers of one common name
    are nothing of the kind.
    """
    found = []
    ordered = sorted(namesakes, key=lambda one: one.customer)
    for place, a in enumerate(ordered):
        for b in ordered[place + 1 :]:
            if a.region and b.region and a.region != b.region:
                continue
            similarity, kind = max(_likenesses(a, b), default=(0, ""))
            if similarity >= least_similarity:
                found.append(Duplicate(a.customer, b.customer, similarity, kind))
    return found


def _likenesses(a: Namesake, b: Namesake) -> Iterable[tuple[int, str]]:
    for kind in sorted(a.contacts.keys() & b.contacts.keys()):
        for one in a.contacts[kind]:
            for other in b.contacts[kind]:
                yield round(fuzz.ratio(one, other)), kind
