"""Who is who, as far as a batch touches it: identities, the customers they make, what may link.

A customer is a connected component of identities. An identity keeps the number under which it was
first seen for ever; which customer that number belongs to now, `Graph.find` says. So a merge
renames nothing.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

Ref = str
"""`kind:token`, the name of an identity."""

Pair = tuple[Ref, Ref]
"""Two identities that an event links, in order of name."""


def pair(one: Ref, other: Ref) -> Pair:
    """The link between two identities, whichever was named first."""
    return (one, other) if one < other else (other, one)


Reason = Literal["single_valued_conflict", "component_too_large"]


class LinkRules(NamedTuple):
    """REC-2 as the rules need it: what links, what must be single, what is no identity at all."""

    weak_kinds: frozenset[str]
    single_valued_kinds: frozenset[str]
    blocked: frozenset[Ref]
    max_identities: int


@dataclass(slots=True)
class Customer:
    """One customer: its identities, and the numbers of those merged into it."""

    number: str
    version: int
    created_at: datetime
    refs: set[Ref] = field(default_factory=set)
    aliases: set[str] = field(default_factory=set)
    merged_into: str | None = None


@dataclass(slots=True)
class Graph:
    """The identities that a batch touches, and every customer that it may change."""

    labels: dict[Ref, str] = field(default_factory=dict)
    """The number under which each known identity was first seen."""
    survivors: dict[str, str] = field(default_factory=dict)
    """Absorbed number → the customer that it went into, perhaps absorbed itself later."""
    customers: dict[str, Customer] = field(default_factory=dict)
    """By number; complete, with all their identities, where an event may change them."""
    held: set[Pair] = field(default_factory=set)
    """Links that were refused and wait for a person."""

    def find(self, ref: Ref) -> str | None:
        """The number of the customer that has this identity now."""
        number = self.labels.get(ref)
        return None if number is None else self.resolve(number)

    def resolve(self, number: str) -> str:
        """The number of the customer that `number` has become."""
        while (survivor := self.survivors.get(number)) is not None:
            number = survivor
        return number

    def customer_of(self, ref: Ref) -> Customer:
        """The customer that has this known identity now."""
        number = self.find(ref)
        assert number is not None, ref
        return self.customers[number]


class Created(NamedTuple):
    """An identity was seen for the first time, and nothing known came with it."""

    customer: str
    version: int
    identity: Ref


class Linked(NamedTuple):
    """A new identity belongs to a customer."""

    customer: str
    version: int
    identity: Ref


class Merged(NamedTuple):
    """`absorbed` is the younger customer, then the numbers that were merged into it before."""

    customer: str
    version: int
    absorbed: tuple[str, ...]


class Refused(NamedTuple):
    """Two customers stay apart, though an event links `pair`."""

    customer: str
    version: int
    other: str
    pair: Pair
    reason: Reason
    kind: str | None


class RecordChanged(NamedTuple):
    """Fields of the record read otherwise than before."""

    customer: str
    version: int
    fields: tuple[str, ...]


class Reminder(NamedTuple):
    """Somebody is to look at a record again, once for each cause (REC-6)."""

    key: str
    """The `event_key` of its cause."""
    ref: Ref
    cause: str
    reference: str | None
    """The number of the contract or the complaint."""
    raised_at: datetime


class Reminded(NamedTuple):
    """The account manager of a customer is to look at the record again."""

    customer: str
    version: int
    reminder: Reminder
    account_manager: str | None


class LookedAt(NamedTuple):
    """Somebody has looked at the record, as they were reminded to."""

    customer: str
    version: int
    reminder: str
    by: str


Change = Created | Linked | Merged | Refused | RecordChanged | Reminded | LookedAt


class Attachment(NamedTuple):
    """The customer and identity that an event belongs to, and what it changed, in order."""

    customer: str
    identity: Ref
    changes: tuple[Change, ...]
