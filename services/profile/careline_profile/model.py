"""Who is who, as far as a batch touches it: identities, the links between them, their customers.

A customer is a group of identities that links hold together (`rules.partition`). Everything that
is kept about a customer lies under its identities, so customers merge and split by moving names.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from careline_contracts.events.profile import Apart, Move

Ref = str
"""`kind:token`, the name of an identity."""

Pair = tuple[Ref, Ref]
"""Two identities that an event links, in order of name."""


def pair(one: Ref, other: Ref) -> Pair:
    """The link between two identities, whichever was named first."""
    return (one, other) if one < other else (other, one)


class Evidence(NamedTuple):
    """The first event that links two identities; links count in this order."""

    occurred_at: datetime
    event_key: str


class Verdict(NamedTuple):
    """What a person last said of two identities: that they are one customer, or never are."""

    is_one: bool
    decided_at: datetime
    waives: frozenset[Pair] = frozenset()
    """Values of what must be single that the person knew to contradict each other."""


class Held(NamedTuple):
    """Why a link joins nobody."""

    reason: Apart
    kind: str | None = None
    """The kind of identity that would have two values."""


class LinkRules(NamedTuple):
    """REC-2 as the rules need it: what links, what must be single, what is no identity at all."""

    weak_kinds: frozenset[str]
    single_valued_kinds: frozenset[str]
    blocked: frozenset[Ref]
    shared: frozenset[Ref]
    """Values that the policy knows to be many people's: as good as weak."""
    max_identities: int
    max_links_per_value: int
    max_tangle: int


@dataclass(slots=True)
class Customer:
    """One customer number: a customer with its identities, or an alias of the one it leads to."""

    number: str
    version: int
    created_at: datetime
    refs: set[Ref] = field(default_factory=set)
    aliases: set[str] = field(default_factory=set)
    merged_into: str | None = None


@dataclass(slots=True)
class Known:
    """An identity whose customer may change: since when it is known, how often it has moved."""

    since: datetime
    moves: int = 0


class Loaded(NamedTuple):
    """What there was before a batch: the rest is to be added, what is gone to be removed."""

    numbers: frozenset[str] = frozenset()
    held: Mapping[Pair, Held] = MappingProxyType({})
    shared: frozenset[Ref] = frozenset()


class Graph:
    """The identities that a batch touches, and everything that its events may change.

    Whatever may change is here whole: each customer with all identities and aliases, each identity
    with all its links. What can't change is known by `owners` alone.
    """

    def __init__(self) -> None:
        self.owners: dict[Ref, str] = {}
        """The customer of each known identity."""
        self.customers: dict[str, Customer] = {}
        self.known: dict[Ref, Known] = {}
        self.links: dict[Pair, Evidence] = {}
        self.verdicts: dict[Pair, Verdict] = {}
        self.held: dict[Pair, Held] = {}
        """Links between different customers: each is held for a reason."""
        self.shared: set[Ref] = set()
        """Identities linked to more others than one person can have."""
        self.stirring: set[Pair] = set()
        """Links that the batch brings first or earlier evidence of; only these change anything."""
        self.stirred: set[Ref] = set()
        """Identities that are new, or end in such a link."""
        self.changed: set[str] = set()
        """Numbers whose row is no longer as it was loaded."""
        self.loaded = Loaded()
        self._neighbours: dict[Ref, set[Ref]] = {}
        self._named_together: dict[Ref, set[Ref]] = {}

    def note_loaded(self) -> None:
        """From here on it is known what the batch changes."""
        self.loaded = Loaded(frozenset(self.customers), dict(self.held), frozenset(self.shared))

    def customer_of(self, ref: Ref) -> Customer:
        """The customer that has this identity, which is loaded whole."""
        return self.customers[self.owners[ref]]

    def note_changes(self, changes: "Iterable[AboutTheRecord]") -> None:
        """These customers were changed elsewhere: their rows are to be saved."""
        self.changed.update(change.customer for change in changes)

    def add_link(self, link: Pair, evidence: Evidence) -> None:
        """Two identities were named together; `evidence` is the earliest that is known."""
        self.links[link] = evidence
        one, other = link
        self._neighbours.setdefault(one, set()).add(other)
        self._neighbours.setdefault(other, set()).add(one)

    def add_verdict(self, link: Pair, verdict: Verdict) -> None:
        """A person decided; whatever the verdict names is decided together from now on."""
        self.verdicts[link] = verdict
        named = {*link, *(ref for waived in verdict.waives for ref in waived)}
        for ref in named:
            self._named_together.setdefault(ref, set()).update(named)

    def link_count(self, ref: Ref) -> int:
        """With how many others an identity was named."""
        return len(self._neighbours.get(ref, ()))

    def links_among(self, refs: Set[Ref]) -> dict[Pair, Evidence]:
        """The links that have both ends among these identities."""
        return {
            (one, other): self.links[one, other]
            for one in refs
            for other in self._neighbours.get(one, ())
            if one < other and other in refs
        }

    def tangle(self, seeds: Iterable[Ref]) -> set[Ref]:
        """All that one decision may concern: whatever hangs together, by links or as customers.

        What lies beyond `max_tangle` is not known here, and left as it is.
        """
        found: set[Ref] = set()
        ahead = set(seeds)
        whole = self.known.keys() | ahead
        while ahead:
            ref = ahead.pop()
            found.add(ref)
            ahead |= (self._near(ref) & whole) - found
        return found

    def _near(self, ref: Ref) -> set[Ref]:
        known = {other for other in self._named_together.get(ref, ()) if other in self.owners}
        return known | self._neighbours.get(ref, set()) | self._fellows(ref)

    def _fellows(self, ref: Ref) -> set[Ref]:
        customer = self.customers.get(self.owners.get(ref, ""))
        return customer.refs if customer else set()


class Created(NamedTuple):
    """An identity was seen for the first time, and belongs to nobody known."""

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
    absorbed_version: int
    moves: tuple[Move, ...]

    @property
    def moved_from(self) -> str:
        """Whose identities were moved."""
        return self.absorbed[0]


class Part(NamedTuple):
    """One of the customers that a customer turns out to be."""

    customer: str
    version: int


class Redirected(NamedTuple):
    """An alias went along with the identity that it began with."""

    customer: str
    version: int
    into: str


class Split(NamedTuple):
    """A customer turns out to be several: the first part keeps the number."""

    parts: tuple[Part, ...]
    redirected: tuple[Redirected, ...]
    moves: tuple[Move, ...]

    @property
    def moved_from(self) -> str:
        """Whose identities were moved."""
        return self.parts[0].customer


class Refused(NamedTuple):
    """Two customers stay apart, though an event links `pair`."""

    customer: str
    version: int
    other: str
    pair: Pair
    held: Held


class Judged(NamedTuple):
    """A person decided about a link."""

    customer: str
    version: int
    other: str
    pair: Pair
    verdict: Verdict
    was_held: bool
    """A link that joined its customer was cut, one that was held is refused."""


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


AboutTheRecord = RecordChanged | Reminded | LookedAt
Change = Created | Linked | Merged | Split | Refused | Judged | AboutTheRecord


class Attachment(NamedTuple):
    """The customer and identity that an event belongs to, and what it changed, in order."""

    customer: str
    identity: Ref
    changes: tuple[Change, ...]
