"""What engagement knows of a customer: facts, entries and cases, under the numbers they came with.

Facts commute: whichever of the topics is heard first, the same ones are there in the end.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from careline_contracts.events.scoring import Tier

ALWAYS = datetime.min.replace(tzinfo=UTC)
TAG_SEPARATOR = ", "


class Fact(NamedTuple):
    """Something that a policy may call evidence. `at` is when we could know it."""

    at: datetime
    number: str
    kind: str
    event_id: str
    detail: str = ""
    """The cause or the offer, in words; of a call, its direction."""
    amount_minor: int = 0
    """Of an offer."""
    request: str = ""
    """The outreach that it answers."""
    version: int = 0
    """Of a ticket's change: which of its ticket's changes it is. Several may have one instant."""
    earlier: datetime | None = None
    """When it happened, if only a merge after that made it this customer's."""

    @property
    def happened_at(self) -> datetime:
        return self.earlier or self.at


class Alias(NamedTuple):
    """`absorbed` was found to be the same customer as `survivor`."""

    absorbed: str
    survivor: str
    since: datetime


class Parting(NamedTuple):
    """A customer turned out to be several, at an instant; `since` they had been taken for one."""

    at: datetime
    since: datetime

    def covers(self, at: datetime) -> bool:
        """Whether they were taken for one then."""
        return self.since <= at < self.at


class Ruling(NamedTuple):
    """Something that scoring said of a customer: from `at` on, `verdict` is `to`."""

    version: int
    """Of scoring's decision; counts those that changed something about a customer."""
    at: datetime
    verdict: str
    to: str
    """The several values of a tag are joined by `TAG_SEPARATOR`."""


class Record(NamedTuple):
    """What profile says of a customer from an instant on, without personal data."""

    at: datetime
    version: int
    created_at: datetime
    attributes: Mapping[str, str | Sequence[str]]

    def values(self, name: str) -> Sequence[str]:
        """The values of a field; none if it isn't known."""
        value = self.attributes.get(name, ())
        return (value,) if isinstance(value, str) else value


class Consent(NamedTuple):
    """A customer agreed or objected; `any` stands for every channel, every purpose."""

    at: datetime
    number: str
    channel: str
    purpose: str
    granted: bool
    event_id: str
    expires_at: datetime | None = None
    name: str = ""
    """The identity or the outreach that it came by: it goes where that goes."""


class Contact(NamedTuple):
    """An outreach that went out, with the case and step that asked for it."""

    at: datetime
    number: str
    case: str
    step: str
    channel: str
    purpose: str

    @property
    def request(self) -> str:
        """The name under which a channel was asked for it."""
        return f"{self.case}-{self.step}"


class Entry(NamedTuple):
    """Something happened that may begin a case of a playbook."""

    number: str
    playbook: str
    """Empty if it only looks, for all of them, whether the time has come."""
    name: str
    """With `number` and `playbook` the name of the case that it may open."""
    at: datetime
    trigger: str
    key: str
    """For a keyed playbook, what the case is about."""
    version: int
    """Of the decision of scoring that said so; 0 for anything else."""
    reasons: tuple[str, ...]
    event_id: str
    traceparent: str = ""
    identity: str = ""
    """Of the touchpoint that it is."""

    @property
    def case(self) -> str:
        """The id of the case that it may open."""
        return f"{self.number}-{self.playbook}-{self.name}"


class Absence(NamedTuple):
    """Somebody is away, as was said at `at`; what is said later of the same absence holds."""

    owner: str
    name: str
    at: datetime
    event_id: str
    begins_at: datetime
    ends_at: datetime
    deputy: str


Outcome = Literal["opened", "held_out", "condition_unmet", "case_open", "cool_down", "superseded"]
"""What an entry led to: a case, one that is only measured, or why none."""


class Step(NamedTuple):
    """One step of a case and what has been said about it."""

    began_at: datetime
    due_at: datetime | None = None
    done_at: datetime | None = None
    breached_at: datetime | None = None
    sent_at: datetime | None = None
    held_until: datetime | None = None
    suppressed_at: datetime | None = None
    detail: str = ""

    @property
    def instants(self) -> Sequence[datetime]:
        """When something was said of it."""
        offer_at = self.held_until if self.due_at else None
        said = (self.began_at, self.done_at, self.breached_at, self.sent_at, self.suppressed_at)
        return [at for at in (*said, offer_at) if at is not None]

    @property
    def is_waiting(self) -> bool:
        """Whether it is an outreach for which there was no room yet."""
        asked = self.due_at is None and self.held_until is not None
        return asked and self.sent_at is None and self.suppressed_at is None


MoveKind = Literal[
    "opened",
    "begun",
    "passed",
    "held",
    "sent",
    "suppressed",
    "offer_held",
    "offer_refused",
    "done",
    "breached",
    "handed_over",
    "closed",
    "revised",
]
SILENT: frozenset[MoveKind] = frozenset({"begun", "passed", "sent"})
"""No change of the case for others: what they bring about is said elsewhere."""


class Move(NamedTuple):
    """One change of a case, at its instant. The future ones may still come otherwise."""

    at: datetime
    kind: MoveKind
    subject: str
    """The step; of an opening or ending, the status; of a hand-over, who has the work now."""
    detail: str = ""
    """What was found or offered; of an ending, suppression or hand-over, its reason."""
    event_id: str = ""
    """Of the event that caused it; empty when time did."""
    until: datetime | None = None
    """When the step is due; of what is held or suppressed, when there would be room; of an offer
    that may not be made, its own instant."""


class Case(NamedTuple):
    """A run of a playbook for a customer, with everything that has been said about it."""

    id: str
    number: str
    """The customer's when the case opened; `Family.holder` knows the present one."""
    playbook: str
    digest: str
    """Of the wording of the playbook that it runs on."""
    trigger: str
    key: str
    tier: Tier | None
    reasons: tuple[str, ...]
    opened_at: datetime
    ends_at: datetime
    steps: Mapping[str, Step]
    policy_version: str
    version: int = 1
    status: str = "open"
    closed_at: datetime | None = None
    closed_reason: str = ""
    traceparent: str = ""
    """Of the event that opened it."""
    held_out: bool = False
    """Left alone, to see what happens without the playbook."""
    owner: str = ""
    """Who has its open work, if it asks something of the account manager and there is one."""
    owned_since: datetime | None = None
    """Of the last hand-over."""

    @property
    def is_open(self) -> bool:
        return self.closed_at is None

    @property
    def moved_at(self) -> datetime:
        """When something was said of it last."""
        steps = self.steps.values()
        return max([self.opened_at, *(at for step in steps for at in step.instants)])

    @property
    def revision(self) -> str:
        """A name for what it is now; of moves that nobody is told of, only the steps know."""
        fields = (value for step in self.steps.values() for value in step)
        return f"{self.version}-{sum(isinstance(value, datetime) for value in fields)}"

    @property
    def is_breached(self) -> bool:
        """Whether any step was missed."""
        return any(step.breached_at for step in self.steps.values())

    def after(self, move: Move) -> "Case":
        """The case once `move` has been said."""
        version = self.version + (move.kind not in SILENT)
        match move.kind:
            case "closed":
                return self._replace(
                    version=version,
                    status=move.subject,
                    closed_at=move.at,
                    closed_reason=move.detail,
                )
            case "handed_over":
                return self._replace(version=version, owner=move.subject, owned_since=move.at)
            case _:
                moved = _moved(self.steps.get(move.subject), move)
                return self._replace(version=version, steps={**self.steps, move.subject: moved})


def _moved(step: Step | None, move: Move) -> Step:
    began_at = move.until if move.kind == "passed" and move.until else move.at
    step = step or Step(began_at, due_at=move.until if move.kind in ("begun", "sent") else None)
    match move.kind:
        case "done" | "passed":
            return step._replace(done_at=move.at, detail=move.detail)
        case "breached":
            return step._replace(breached_at=move.at)
        case "held" | "offer_held" | "offer_refused":
            return step._replace(held_until=move.until, detail=move.detail)
        case "sent":
            return step._replace(sent_at=move.at, due_at=move.until, detail="")
        case "suppressed":
            return step._replace(suppressed_at=move.at, detail=move.detail)
        case _:
            return step


class Family(NamedTuple):
    """One customer: the numbers that were found to be one person, and what is known of each."""

    numbers: frozenset[str]
    aliases: Mapping[str, Alias]
    """By the absorbed number."""
    facts: Sequence[Fact] = ()
    entries: Sequence[Entry] = ()
    """Those not yet decided."""
    cases: Sequence[Case] = ()
    """The open ones, and of each number, playbook and key the last that has ended."""
    rulings: Mapping[str, Sequence[Ruling]] = {}
    """Of each number, in order of version."""
    contacts: Sequence[Contact] = ()
    consents: Sequence[Consent] = ()
    records: Mapping[str, Sequence[Record]] = {}
    """Of each number, in order of version."""
    later_at: datetime | None = None
    """When the first of the entries comes that lie too far ahead to be among `entries`."""
    absences: Mapping[str, Sequence[Absence]] = {}
    """Of each account manager and their deputies, in the order in which they were said."""
    parting: Parting | None = None
    """The last from somebody who had been taken for the same customer."""

    def holder(self, number: str, at: datetime) -> str:
        """Who `number` was at an instant: itself, or the customer that had absorbed it."""
        while (alias := self.aliases.get(number)) is not None and alias.since <= at:
            number = alias.survivor
        return number

    @property
    def is_known(self) -> bool:
        """Whether anything was ever heard of it."""
        known = (*self.rulings.values(), *self.records.values())
        return bool(self.facts or self.cases or any(known))

    @property
    def root(self) -> str:
        """The number that has absorbed all others."""
        return self.holder(min(self.numbers), datetime.max.replace(tzinfo=UTC))

    def verdict(self, number: str, name: str, at: datetime, version: int = 0) -> str | None:
        """What scoring had said of a customer by an instant; by its change `version`, if given."""
        verdict, holder = None, self.holder(number, at)
        for ruling in self.rulings.get(holder, ()):
            if ruling.at > at or (version and holder == number and ruling.version > version):
                break
            if ruling.verdict == name:
                verdict = ruling.to
        return verdict

    def tag(self, number: str, name: str, at: datetime, version: int = 0) -> Sequence[str]:
        """The values of a tag, likewise."""
        said = self.verdict(number, name, at, version)
        return said.split(TAG_SEPARATOR) if said else ()

    def record(self, number: str, at: datetime) -> Record | None:
        """What profile had said of a customer by an instant."""
        known = [r for r in self.records.get(self.holder(number, at), ()) if r.at <= at]
        return known[-1] if known else None

    def attribute(self, number: str, name: str, at: datetime) -> str | None:
        """The first value of a field of the record."""
        record = self.record(number, at)
        return next(iter(record.values(name)), None) if record else None

    def facts_for(self, number: str) -> list[Fact]:
        """The facts in order of instant. Those of other numbers count from when we knew whose."""
        if len(self.numbers) == 1:
            return sorted(self.facts)
        return sorted(
            fact._replace(at=max(fact.at, self.joined_at(number, fact.number)), earlier=fact.at)
            for fact in self.facts
        )

    def consents_for(self, number: str) -> list[Consent]:
        """What the customer said about being contacted, likewise."""
        return [
            consent._replace(at=max(consent.at, self.joined_at(number, consent.number)))
            for consent in self.consents
        ]

    def joined_at(self, one: str, other: str) -> datetime:
        """Since when both numbers have been the same customer."""
        if one == other:
            return ALWAYS
        since = ALWAYS
        reached = {one: since}
        while (alias := self.aliases.get(one)) is not None:
            one, since = alias.survivor, max(since, alias.since)
            reached[one] = since
        since = ALWAYS
        while other not in reached:
            alias = self.aliases[other]
            other, since = alias.survivor, max(since, alias.since)
        return max(since, reached[other])
