"""REC-3, REC-5: which fact holds in each place of the record, and how that changed.

Each strategy is an order among facts, and the greatest holds. So the record is the same whatever
the order in which facts were heard, and however often.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from careline_profile.record.model import (
    CONSENTS,
    CONTRACTS,
    Fact,
    FieldChange,
    Record,
    Slot,
)
from careline_profile.record.policy import FieldPolicy, RecordPolicy

_BUILT_IN = {name: FieldPolicy(merge="collect") for name in (CONSENTS, CONTRACTS)}

Rank = tuple[float, float, str]


class FieldRules(NamedTuple):
    """The policy as the rules need it."""

    fields: Mapping[str, FieldPolicy]
    trusted_sources: tuple[str, ...]

    @property
    def declared(self) -> dict[str, FieldPolicy]:
        """The fields that the policy names: all but those that events of their own fill."""
        return {name: field for name, field in self.fields.items() if name not in _BUILT_IN}

    @classmethod
    def of(cls, policy: RecordPolicy) -> "FieldRules":
        """The rules of this policy, with the fields that events of their own fill."""
        return cls({**policy.fields, **_BUILT_IN}, policy.trusted_sources)


def fold(facts: Iterable[Fact], rules: FieldRules) -> Record:
    """The record that these facts make."""
    holding: Record = {}
    for fact in facts:
        if not _counts(fact, rules):
            continue
        before = holding.get(fact.slot)
        if before is None or _rank(fact, rules) > _rank(before, rules):
            holding[fact.slot] = fact
    return {slot: fact for slot, fact in sorted(holding.items()) if fact.value}


def known(
    facts: Iterable[Fact], *, as_of: datetime | None, known_at: datetime | None
) -> list[Fact]:
    """Those about what was so at `as_of`, as far as they were known at `known_at`."""
    return [
        fact
        for fact in facts
        if (as_of is None or fact.occurred_at <= as_of)
        and (known_at is None or fact.known_at <= known_at)
    ]


def changes(facts: Iterable[Fact], rules: FieldRules) -> list[FieldChange]:
    """How the record came to be what it is, in the order in which it became known.

    A fact that changed nothing, as it came late or says what was known, is no change.
    """
    holding: Record = {}
    found = []
    for fact in sorted(facts, key=lambda f: (f.known_at, f.event_key, f.slot)):
        if not _counts(fact, rules):
            continue
        before = holding.get(fact.slot)
        if before is not None and _rank(fact, rules) <= _rank(before, rules):
            continue
        holding[fact.slot] = fact
        shown_before = before if before is not None and before.value else None
        shown_after = fact if fact.value else None
        if (shown_before or shown_after) and not fact.says_the_same_as(before):
            found.append(FieldChange(fact.slot, shown_before, shown_after, fact))
    return found


def differing(before: Record, after: Record) -> tuple[str, ...]:
    """The fields that read otherwise."""
    slots = before.keys() | after.keys()
    return tuple(sorted({slot.field for slot in slots if not _same(slot, before, after)}))


def attributes(record: Record, rules: FieldRules) -> dict[str, str | tuple[str, ...]]:
    """What other services may know of a record."""
    shared: dict[str, str | tuple[str, ...]] = {}
    for slot, fact in record.items():
        field = rules.fields[slot.field]
        value = fact.value if field.shares == "value" else fact.shared
        if value is None or field.shares == "nothing":
            continue
        if field.merge == "collect":
            shared[slot.field] = (*shared.get(slot.field, ()), value)
        else:
            shared[slot.field] = value
    return shared


def _counts(fact: Fact, rules: FieldRules) -> bool:
    return fact.flaw is None and fact.slot.field in rules.fields


def _same(slot: Slot, before: Record, after: Record) -> bool:
    now = after.get(slot)
    return now is not None and now.says_the_same_as(before.get(slot))


def _rank(fact: Fact, rules: FieldRules) -> Rank:
    """Of two facts about one place, the one with the higher rank holds; no two are equal."""
    at = fact.occurred_at.timestamp()
    match rules.fields[fact.slot.field].merge:
        case "latest" | "collect":
            return 0, at, fact.event_key
        case "earliest":
            # what a person has put right stands: they knew what came first
            return (1, at, fact.event_key) if fact.is_by_staff else (0, -at, fact.event_key)
        case "most_trusted":
            return _trust(fact, rules.trusted_sources), at, fact.event_key


def _trust(fact: Fact, trusted_sources: tuple[str, ...]) -> float:
    verified = len(trusted_sources) + 1 if fact.verified_by else 0
    for place, beginning in enumerate(trusted_sources):
        if fact.source.startswith(beginning):
            return verified + len(trusted_sources) - place
    return verified
