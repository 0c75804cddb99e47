"""Facts about a customer, and the record that they make.

A fact is what somebody said about one field, kept under the identity that it came with and never
changed. A record is a choice among the facts of all identities of a customer, so a merge or a split
moves no fact, and the order in which they were heard can't matter.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from careline_profile.model import Ref

CONSENTS, CONTRACTS = "consents", "contracts"
"""Fields that events of their own fill, one item for each channel and purpose, or contract."""

STAFF = "staff:"
"""How the source of a fact begins that a person put in by hand."""


class Slot(NamedTuple):
    """A place of the record that holds one value.

    `item` tells the values of a field apart that has several: a preference, the channel and
    purpose of a consent, the number of a contract.
    """

    field: str
    item: str = ""


class Fact(NamedTuple):
    """What somebody said about one field of a customer."""

    ref: Ref
    slot: Slot
    event_key: str
    value: str
    """In its form, sealed where the field is personal; empty where the value is taken away.
    With a flaw it is what was said, sealed."""
    token: str | None
    """Stands for a personal value: equal values have equal tokens."""
    shared: str | None
    """The part of a personal value that other services may know."""
    source: str
    verified_by: str | None
    flaw: str | None
    """Why this is no value; then it counts for quality only."""
    occurred_at: datetime
    known_at: datetime
    ends_at: datetime | None = None
    reason: str | None = None
    """What the person who put it in gave as a reason, sealed."""

    @property
    def is_by_staff(self) -> bool:
        """Whether a person put it in by hand."""
        return self.source.startswith(STAFF)

    def says_the_same_as(self, other: "Fact | None") -> bool:
        """Whether the record reads the same with either; seals of one value can differ."""
        return other is not None and (self.token or self.value, self.ends_at) == (
            other.token or other.value,
            other.ends_at,
        )


Record = dict[Slot, Fact]
"""Which fact holds in each place; a place without a value is left out."""


class FieldChange(NamedTuple):
    """One change of a record: what, from, to, by which fact (so when true, and when known)."""

    slot: Slot
    before: Fact | None
    after: Fact | None
    cause: Fact


class Book:
    """The facts about the customers that a batch may change, by identity, as the batch goes on."""

    def __init__(self, facts: Collection[Fact] = ()) -> None:
        self._facts: dict[Ref, list[Fact]] = {}
        self.added: list[Fact] = []
        for fact in facts:
            self._facts.setdefault(fact.ref, []).append(fact)

    def add(self, facts: Sequence[Fact]) -> None:
        """Takes in what an event told."""
        for fact in facts:
            self._facts.setdefault(fact.ref, []).append(fact)
        self.added += facts

    def about(self, refs: Collection[Ref]) -> list[Fact]:
        """All facts under these identities."""
        return [fact for ref in refs for fact in self._facts.get(ref, ())]
