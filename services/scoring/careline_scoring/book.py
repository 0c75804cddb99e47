"""The customers that a batch touches, in memory: as last published, with all their facts."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from careline_contracts.events.profile import CustomersMerged, Move, is_identity
from careline_contracts.events.scoring import Need, Risk, Tier, Value
from careline_scoring.model import Fact, History, Tags
from careline_scoring.rules import Rulebook


class Published(NamedTuple):
    """What subscribers were last told about a customer, apart from when."""

    points: tuple[int, ...]
    value: Value
    need: Need
    risk: Risk
    tier: Tier
    tags: Tags
    next_change_at: datetime | None
    policy_version: str


class LastSaid(NamedTuple):
    """The version of a customer's last change on each topic that says one kind; 0: none yet."""

    tier: int = 0
    tags: int = 0
    risk: int = 0


NOTHING_SAID = LastSaid()


@dataclass(slots=True)
class Customer:
    """A customer; `version` counts decisions that changed verdicts, `revision` published scores."""

    number: str
    version: int = 0
    revision: int = 0
    as_of: datetime | None = None
    published: Published | None = None
    merged_into: str | None = None
    last_said: LastSaid = NOTHING_SAID
    saves: int = 0
    """How often the row was saved: a history in memory is whole while this is the same."""
    moves: int = 0
    """How often the number was sent elsewhere or back, as profile counts."""
    record: Tags = ()
    """What profile says of the customer, in its `record_version`."""
    record_version: int = 0
    history: History = field(init=False)
    rulebook: Rulebook = field(init=False)
    """By which `history` is arranged, and by which the next decision is taken."""
    facts: list[Fact] | None = None
    """All facts, where another rulebook may have to arrange them within the unit."""
    is_arranged: bool = True
    """Whether `history` holds all facts; if not, adopting a rulebook makes it so."""

    def learn(self, fact: Fact) -> None:
        """Adds a fact; the order does not matter."""
        if self.is_arranged:
            self.rulebook.evidence.fold(self.history, fact)
        if self.facts is not None:
            self.facts.append(fact)

    def adopt(self, rulebook: Rulebook) -> None:
        """From now on `rulebook` decides: it arranges the facts in its own way."""
        if rulebook is self.rulebook and self.is_arranged:
            return
        assert self.facts is not None, "a change of policy that the unit did not expect"
        self.rulebook, self.history = rulebook, rulebook.evidence.history(self.facts)
        self.is_arranged = True

    def absorb(self, other: "Customer") -> None:
        """Takes over the facts of another customer, who becomes an alias."""
        self.history.absorb(other.history)
        if self.facts is not None:
            self.facts += other.facts or ()
        other.merged_into = self.number

    def not_before(self, instant: datetime) -> datetime:
        """The as-of of a decision that `instant` causes: never before an earlier decision."""
        return instant if self.as_of is None else max(self.as_of, instant)


NewsKind = Literal["answer", "record", "ticket"]


class BucketKey(NamedTuple):
    identity: str
    day: int
    kind: str
    currency: str
    channel: str
    product: str
    hour: int


class News(NamedTuple):
    """What counts from an instant on: what a ticket, an answer to outreach or a record tells."""

    at: datetime
    kind: NewsKind
    name: str
    """Of the ticket, the event that answered, or the customer whose record it is."""
    version: int
    identity: str
    """Under which it is kept: that of the ticket's report, or the customer's number."""
    customer: str
    """Who has the identity, if nothing else was ever heard of it."""
    facts: tuple[Fact, ...]
    record: Tags
    event_id: str
    traceparent: str

    @property
    def subject(self) -> tuple[NewsKind, str]:
        """What it is about: its next version replaces this one."""
        return self.kind, self.name

    @property
    def tells(self) -> bool:
        """Whether there is anything that counts; if not, it may take back what did."""
        return bool(self.facts or self.record)

    @property
    def cause(self) -> "Teller":
        """The event that told it."""
        return Teller(self.event_id, self.traceparent)


class Teller(NamedTuple):
    """An event that led to a decision, as far as it is handed on."""

    id: str
    traceparent: str


class Told(NamedTuple):
    """What counts of a ticket: what its latest version told by now, under the identity."""

    version: int
    identity: str
    facts: tuple[Fact, ...]
    event_id: str


class Answer(NamedTuple):
    """Which event told what became of an outreach, and as which fact it is kept."""

    event_key: str
    event_id: str
    identity: str
    day: int
    kind: str


class TierMove(NamedTuple):
    """A change of tier as it was said."""

    number: str
    version: int
    as_of: datetime
    was: Tier | None
    now: Tier


class Book:
    """What was loaded for a batch, what the batch adds, and what it changes."""

    def __init__(
        self,
        customers: dict[str, Customer],
        member_of: dict[str, str],
        move_of: dict[str, int],
        told: dict[str, Told],
    ) -> None:
        self._customers = customers
        self._member_of = member_of
        self._move_of = move_of
        self._told = told
        self.moves: list[Move] = []
        self._absorbed: dict[str, str] = {}
        self.new_members: set[str] = set()
        self.new_facts: dict[BucketKey, tuple[int, int]] = {}
        """Times and amount to add to each bucket."""
        self.new_records: dict[str, Customer] = {}
        self.newly_told: dict[str, Told] = {}
        self.new_answers: list[Answer] = []
        self.tier_moves: list[TierMove] = []
        self.changed: dict[str, Customer] = {}

    def live(self, number: str) -> Customer:
        """The customer with this number, or the one that absorbed it."""
        customer = self._customers[number]
        while customer.merged_into is not None:
            customer = self._customers[customer.merged_into]
        return customer

    def owner(self, identity: str, *, named: str) -> Customer:
        """The customer to whom an identity belongs: the one it is `named` with when it is new.

        An identity that is known stays where it is until a merge moves it: the activity of a
        merged customer can overtake the merge of two others that led to it.
        """
        number = self._member_of.get(identity)
        if number is not None:
            return self.live(number)
        customer = self.live(named)
        self._member_of[identity] = customer.number
        self.new_members.add(identity)
        return customer

    def add(self, customer: Customer, identity: str, fact: Fact) -> None:
        """Adds a fact to a customer."""
        customer.learn(fact)
        day, kind, currency, _, _, channel, product, hour = fact
        key = BucketKey(identity, day, kind, currency, channel, product, hour)
        times, amount_minor = self.new_facts.get(key, (0, 0))
        self.new_facts[key] = (times + fact.times, amount_minor + fact.amount_minor)

    def retell(self, news: News) -> list[tuple[str, Fact]]:
        """Keeps what a ticket says now; what that adds and takes back, under whose identity."""
        before = self._told.get(news.name, Told(0, "", (), ""))
        if news.version <= before.version:
            return []
        now = Told(news.version, news.identity, news.facts, news.event_id)
        self._told[news.name] = self.newly_told[news.name] = now
        times = Counter((now.identity, fact) for fact in now.facts)
        times.subtract((before.identity, fact) for fact in before.facts)
        return [
            (identity, fact._replace(times=more))
            for (identity, fact), more in times.items()
            if more
        ]

    def answer(self, news: News) -> list[tuple[str, Fact]]:
        """Keeps which event told what became of an outreach; what that adds, under whose name."""
        for fact in news.facts:
            told = Answer(news.name, news.event_id, news.identity, fact.day, fact.kind)
            self.new_answers.append(told)
        return [(news.identity, fact) for fact in news.facts]

    def record(self, news: News) -> Customer | None:
        """Keeps what profile says of a customer; the customer, if it is now another record."""
        customer = self._customers[news.customer]
        if customer.merged_into or news.version <= customer.record_version:
            return None
        is_another = news.record != customer.record
        customer.record, customer.record_version = news.record, news.version
        self.new_records[news.customer] = customer
        return customer if is_another else None

    @property
    def customers(self) -> list[Customer]:
        """Everybody who was loaded, in order of number."""
        return [customer for _, customer in sorted(self._customers.items())]

    def owners(self, names: Iterable[str]) -> set[str]:
        """Whose these identities are, as far as they are known."""
        return {self._member_of[name] for name in names if name in self._member_of}

    def unites(self, merge: CustomersMerged) -> bool:
        """Whether a merge does no more than to unite the facts of customers as they are here.

        All its moves are news, and nobody else has one of the identities.
        """
        if any(self._move_of.get(move.name, 0) >= move.move for move in merge.moves):
            return False
        known = {self.live(number).number for number in (merge.customer, *merge.absorbed)}
        return {self.live(n).number for n in self.owners(m.name for m in merge.moves)} <= known

    def note_moves(self, moves: Iterable[Move]) -> None:
        """Each name leads there from now on."""
        for move in moves:
            self._move_of[move.name] = move.move
            if is_identity(move.name) or move.name in self._member_of:
                self._member_of[move.name] = move.customer
            self.moves.append(move)

    def absorb(self, survivor: Customer, absorbed: Customer) -> None:
        """From now on `absorbed` is an alias of `survivor`, who has the facts of both."""
        survivor.absorb(absorbed)
        self._absorbed[absorbed.number] = survivor.number

    @property
    def live_customers(self) -> list[Customer]:
        """Everybody who was loaded and has not been absorbed."""
        return [c for c in self._customers.values() if c.merged_into is None]

    @property
    def members(self) -> list[tuple[str, str]]:
        """Identities that are new, each with its customer as it is now."""
        return [(i, self.live(self._member_of[i]).number) for i in sorted(self.new_members)]

    @property
    def absorbed(self) -> Collection[tuple[str, str]]:
        """Absorbed numbers, each with its survivor as it is now."""
        return [(number, self.live(number).number) for number in sorted(self._absorbed)]
