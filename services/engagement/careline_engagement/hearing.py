"""What events mean to engagement: facts, consents, changes, and what may begin a case."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from careline_contracts.envelope import Envelope, to_text
from careline_contracts.events.engagement import AbsenceNoted, FollowUpRecorded, OfferDecided
from careline_contracts.events.profile import (
    Activity,
    CustomersMerged,
    CustomersSplit,
    CustomerState,
    Move,
)
from careline_contracts.events.scoring import Became, VerdictsChanged
from careline_contracts.events.ticketing import (
    TicketBreached,
    TicketChange,
    TicketMerged,
    TicketMoved,
    TicketOpened,
    TicketReopened,
    TicketResolved,
)
from careline_contracts.events.touchpoints import ConsentChanged, OutreachAnswered, SmsOptedOut
from careline_contracts.payload import Payload, short_type
from careline_engagement import rules
from careline_engagement.model import TAG_SEPARATOR, Absence, Alias, Consent, Entry, Fact, Record
from careline_engagement.policy.words import CONTRACT, FOLLOW_UP, OUTREACH
from careline_engagement.rules import Book, moments, tickets
from careline_engagement.rules.offers import APPROVED, REFUSED
from careline_engagement.standing import Change
from careline_runtime.batch import Heard

CONSENTS = (ConsentChanged.type, SmsOptedOut.type)
TICKET_TYPES: Mapping[str, type[Payload]] = {
    event.type: event
    for event in (
        TicketOpened,
        TicketBreached,
        TicketResolved,
        TicketReopened,
        TicketMerged,
        TicketMoved,
    )
}
ANY = "any"


class TouchpointTypes(Mapping[str, type[Payload]]):
    """The touchpoints that some edition of the policy looks at, and consents, which all heed."""

    def __init__(self, book: Callable[[], Book], besides: Sequence[type[Payload]]) -> None:
        self._book = book
        self._besides = {event.type: event for event in besides}

    def __getitem__(self, type: str) -> type[Payload]:
        if type in self._book().touchpoint_types or type in CONSENTS:
            return Activity
        return self._besides[type]

    def __iter__(self) -> Iterator[str]:
        yield from {*self._book().touchpoint_types, *CONSENTS, *self._besides}

    def __len__(self) -> int:
        return len(list(iter(self)))


class Apart(NamedTuple):
    """Customers who were taken for one, since when that is known, and what goes where."""

    at: datetime
    parts: Sequence[str]
    moves: Sequence[Move]


@dataclass
class News:
    """What a batch brought."""

    aliases: list[Alias] = field(default_factory=list)
    merging: list[Move] = field(default_factory=list)
    splits: list[Apart] = field(default_factory=list)
    settling: list[tuple[datetime, Move]] = field(default_factory=list)
    """Tickets that go to another customer, and since when that is known."""
    facts: dict[Fact, str] = field(default_factory=dict)
    """Each with the identity, outreach, case or ticket that it goes with when customers part."""
    consents: list[Consent] = field(default_factory=list)
    changes: dict[str, list[Change]] = field(default_factory=lambda: defaultdict(list))
    entries: list[Entry] = field(default_factory=list)
    records: list[tuple[str, Record]] = field(default_factory=list)
    follow_ups: list[tuple[datetime, str, FollowUpRecorded]] = field(default_factory=list)
    """When, and the event's id."""
    absences: list[Absence] = field(default_factory=list)

    def names(self) -> set[str]:
        """All by which something came."""
        names = {*self.facts.values()}
        names.update(consent.name for consent in self.consents)
        names.update(entry.identity for entry in self.entries)
        return names - {""}

    def customers(self) -> set[str]:
        """All about whom something came, but for those who are taken for others from now on."""
        numbers = {*self.changes, *(number for number, _ in self.records)}
        numbers.update(fact.number for fact in self.facts)
        numbers.update(consent.number for consent in self.consents)
        numbers.update(entry.number for entry in self.entries)
        return numbers

    def bring_home(self, homes: Mapping[str, str]) -> None:
        """Puts what came by these names where a split has put the names."""
        if not homes:
            return
        self.facts = {
            fact._replace(number=homes.get(name, fact.number)): name
            for fact, name in self.facts.items()
        }
        self.consents = [c._replace(number=homes.get(c.name, c.number)) for c in self.consents]
        self.entries = [e._replace(number=homes.get(e.identity, e.number)) for e in self.entries]


def hear(heard: Sequence[Heard], book: Book) -> News:
    """Sorts a batch into what it is for engagement."""
    news = News()
    for event in heard:
        envelope = event.envelope
        match payload := event.payload:  # the most frequent first
            case Activity():
                _activity(news, envelope, payload, book)
            case VerdictsChanged():
                news.changes[payload.customer] += _changes(envelope, payload)
            case CustomerState():
                _record(news, envelope, payload, book)
            case OutreachAnswered():
                _answer(news, envelope, payload, book)
            case CustomersMerged():
                since = envelope.known_at
                news.aliases += [Alias(n, payload.customer, since) for n in payload.absorbed]
                news.merging += payload.moves
            case CustomersSplit():
                news.splits.append(Apart(envelope.known_at, payload.parts, payload.moves))
            case FollowUpRecorded():
                _follow_up(news, envelope, payload, book)
            case AbsenceNoted():
                news.absences.append(_absence(envelope, payload))
            case OfferDecided(approved=approved):
                kind = APPROVED if approved else REFUSED
                fact = Fact(envelope.known_at, payload.customer, kind, envelope.id)
                news.facts[fact._replace(request=payload.case)] = payload.case
            case TicketMoved():
                to = Move(name=payload.ticket, customer=payload.customer, move=payload.version)
                news.settling.append((envelope.known_at, to))
            case TicketOpened() | TicketResolved() | TicketReopened() | TicketMerged():
                _ticket(news, envelope, payload)
                _entries_by_ticket(news, envelope, payload, book)
            case TicketBreached():
                _entries_by_ticket(news, envelope, payload, book)
    return news


def _activity(news: News, envelope: Envelope, activity: Activity, book: Book) -> None:
    kind, at = short_type(envelope.type), envelope.known_at
    number, body, identity = activity.customer, activity.body, activity.identity
    begun: list[Entry] = []
    policy = book.at(at).policy
    if envelope.type in CONSENTS:
        news.consents.append(_consent(envelope, activity, at))
    for evidence in _evidence(kind, body):
        # a contract that is over has no end to come, whatever playbooks look at
        if evidence in book.evidence or evidence == CONTRACT:
            news.facts[Fact(at, number, evidence, envelope.id, _detail(body))] = identity
    if kind == CONTRACT and body.get("ends_at") and body["change"] != moments.TERMINATED:
        ends_at = datetime.fromisoformat(body["ends_at"])
        begun += moments.contract_ends(
            number, body["contract"], ends_at, envelope.id, policy, known_at=at
        )
    if kind in policy.triggers:
        begun += rules.entries(
            kind,
            policy,
            number=number,
            at=at,
            event_id=envelope.id,
            body=body,
            traceparent=envelope.traceparent,
        )
    news.entries += [entry._replace(identity=identity) for entry in begun]


def _evidence(kind: str, body: Mapping[str, Any]) -> Sequence[str]:
    """What a touchpoint is evidence of: what became of a contract, in particular, too."""
    return (kind, f"{kind}/{body['change']}") if kind == CONTRACT else (kind,)


def _detail(body: Mapping[str, Any]) -> str:
    """Of a call its direction, of a contract what became of it."""
    if "contract" in body:
        return f"{body['contract']}/{body.get('change', '')}"
    return str(body.get("direction") or "")


def _record(news: News, envelope: Envelope, state: CustomerState, book: Book) -> None:
    """What is known of a customer, and the days to come that follow from it."""
    at, number = envelope.known_at, state.customer
    policy = book.at(at).policy
    if state.merged_into or not (state.attributes or policy.moments):
        return
    record = Record(at, state.version, state.created_at, state.attributes)
    news.records.append((number, record))
    news.entries += moments.days_to_come(number, record, book)


def _consent(envelope: Envelope, activity: Activity, at: datetime) -> Consent:
    body = activity.body
    if envelope.type == SmsOptedOut.type:
        purpose = str(body.get("purpose") or "marketing")
        return Consent(
            at, activity.customer, "sms", purpose, False, envelope.id, name=activity.identity
        )
    consent = ConsentChanged.model_construct(**body)
    expires_at = body.get("expires_at")
    return Consent(
        at,
        activity.customer,
        consent.contact_channel,
        consent.purpose,
        consent.granted,
        envelope.id,
        datetime.fromisoformat(expires_at) if expires_at else None,
        activity.identity,
    )


def _answer(news: News, envelope: Envelope, answer: OutreachAnswered, book: Book) -> None:
    """What an answer is evidence of. Who opts out of one outreach is left alone altogether."""
    at, number = envelope.known_at, answer.customer
    found = {answer.result: "", "cause": answer.cause, "offer": answer.offer}
    for name, detail in found.items():
        kind = f"{OUTREACH}/{name}"
        if detail is not None and kind in book.evidence:
            amount = (answer.offer_minor or 0) if name == "offer" else 0
            fact = Fact(at, number, kind, envelope.id, detail, amount, answer.request)
            news.facts[fact] = answer.request
    if answer.result == "opted_out":
        objected = Consent(at, number, ANY, ANY, False, envelope.id, name=answer.request)
        news.consents.append(objected)
    if answer.result == "failed":
        # it was no contact: the next one may be due earlier than was thought
        news.entries += moments.contact_look(number, at, book.at(at).policy)


def _follow_up(news: News, envelope: Envelope, said: FollowUpRecorded, book: Book) -> None:
    """A contact, with what it is evidence of; it also says when the next one is to be."""
    at, number, case = envelope.known_at, said.customer, said.case or ""
    news.follow_ups.append((at, envelope.id, said))
    wished = to_text(said.next_contact_at) if said.next_contact_at else ""
    kind = f"{FOLLOW_UP}/{said.result}"
    facts = [Fact(at, number, kind, envelope.id, wished, request=case)]
    for name, detail in (("cause", said.cause), ("offer", said.offer)):
        if detail is not None:
            amount = (said.offer_minor or 0) if name == "offer" else 0
            facts.append(Fact(at, number, f"{OUTREACH}/{name}", envelope.id, detail, amount, case))
    news.facts |= dict.fromkeys(facts, case)
    policy = book.at(at).policy
    news.entries += moments.contact_look(number, at, policy)


def _absence(envelope: Envelope, said: AbsenceNoted) -> Absence:
    return Absence(
        said.owner,
        said.absence,
        envelope.known_at,
        envelope.id,
        said.begins_at,
        said.ends_at,
        said.deputy,
    )


def _ticket(
    news: News,
    envelope: Envelope,
    change: TicketOpened | TicketResolved | TicketReopened | TicketMerged,
) -> None:
    """A ticket that is opened again keeps the level that it was opened with."""
    match change:
        case TicketOpened():
            kind = tickets.opened(change.level)
        case TicketReopened():
            kind = tickets.REOPENED
        case TicketResolved() | TicketMerged():
            kind = tickets.CLOSED
    at = envelope.known_at
    fact = Fact(at, change.customer, kind, envelope.id, change.ticket, version=change.version)
    news.facts[fact] = change.ticket


def _entries_by_ticket(news: News, envelope: Envelope, change: TicketChange, book: Book) -> None:
    at = envelope.known_at
    news.entries += rules.entries(
        short_type(envelope.type),
        book.at(at).policy,
        number=change.customer,
        at=at,
        event_id=envelope.id,
        body=change.model_dump(),
        traceparent=envelope.traceparent,
    )


def _changes(envelope: Envelope, decision: VerdictsChanged) -> Iterator[Change]:
    for verdict, became in decision.changes.items():
        yield Change(
            decision.version,
            decision.as_of,
            verdict,
            became.to if isinstance(became.to, str) else TAG_SEPARATOR.join(became.to),
            _gained(became),
            became.reasons,
            envelope.id,
            envelope.traceparent,
        )


def _gained(became: Became) -> tuple[str, ...]:
    if isinstance(became.to, str):
        return (became.to,)
    return tuple(value for value in became.to if value not in (became.from_ or ()))
