"""A verifiable load: raw records, and what must become of each, drawn from a seed.

Each customer's events are numbered without a gap (`<customer>-<number>` is the event's id), so
that a loss, a double and a wrong order can be told from the outcome alone. Disturbances (late
events, duplicates, poison) are drawn apart from the content: a load without them has the same
events, in order, and must lead to the same end.

Lateness stays within what no service can put right afterwards: a late event arrives on the day on
which it happened, and never after a complaint of its customer that came later. Whether a customer
was already at risk when something happened decides if a case is opened; nobody can know then what
is still on its way.
"""

import heapq
import math
import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Literal, NamedTuple, Self

from careline_client import Event
from careline_contracts.envelope import Envelope, Headers, Record, from_headers, to_headers
from careline_contracts.events import touchpoints as said
from careline_contracts.events.touchpoints import Channel, ChannelEvent, Identity
from careline_contracts.topics import RAW

ACCEPTED = "accepted"
DUPLICATE = "duplicate"

MAX_DELAY = 200
"""By how many events a late one, or a duplicate, arrives behind its place."""

ROAMS_EVERY = 8
"""One customer of so many comes through all channels, now and then known by phone alone."""

OVER_HTTP_EVERY = 4
"""One customer of so many is heard over HTTP, the others over Kafka; none of them roams."""

PRIVATE_WORDS = "nobody but us knows of"
"""Begins every free text of the load, and nothing else anywhere."""


@dataclass(frozen=True)
class Load:
    """How much of what; printing it says how to draw the same again."""

    events: int
    customers: int
    seed: int
    start: datetime = datetime(2025, 12, 31, 16, tzinfo=UTC)
    """Midnight where the shop is: days are counted from here."""
    days: int = 7
    duplicate_share: float = 0.10
    late_share: float = 0.10
    poison_share: float = 0.001

    @property
    def source(self) -> str:
        """The CloudEvents source of all its events."""
        return f"/load/{self.seed}"

    def undisturbed(self) -> Self:
        """The same events in order, each once, without poison."""
        return replace(self, duplicate_share=0.0, late_share=0.0, poison_share=0.0)

    def instant(self, place: int) -> datetime:
        """When the event at this place happens."""
        return self.start + place * timedelta(days=self.days) / self.events

    def last_of_day(self, place: int) -> int:
        """The last place on the day of this one."""
        day = place * self.days // self.events
        return min(math.ceil((day + 1) * self.events / self.days), self.events) - 1


class Loaded(NamedTuple):
    """A record to publish, and what must become of it."""

    record: Record
    id: str
    expected: str
    """`accepted`, `duplicate`, or the code under which ingest must put it aside."""
    event: ChannelEvent
    occurred_at: datetime
    arrives_at: datetime
    """When it is to be published, in the load's own time: never before the one before it."""

    @property
    def customer(self) -> int:
        """Whose event it is; of poison, nobody's."""
        return -1 if self.id.startswith("poison") else int(self.id.partition("-")[0])

    @property
    def is_over_http(self) -> bool:
        """Whether it comes over HTTP, as all of its customer's events do, in one order."""
        return self.customer % OVER_HTTP_EVERY == 1

    def to_event(self) -> Event:
        """The same event, to be sent over HTTP."""
        source = from_headers(self.record.headers).source
        return Event(self.id, source, self.event.type, self.occurred_at, self.event.to_json())


def records(load: Load) -> Iterator[Loaded]:
    """The load's records in the order of arrival; a late event's duplicate comes after it."""
    content = random.Random(f"content {load.seed}")
    disturbance = random.Random(f"disturbance {load.seed}")
    crowd = _Crowd(content, load)
    arrivals: list[tuple[int, int, Loaded]] = []
    order = count()
    poisons = 0
    for place in range(load.events):
        id, event = crowd.next_event()
        good = _loaded(load, id, load.instant(place), event)
        is_complaint = isinstance(event, said.ComplaintRaised)
        if is_complaint:
            for early in _take(arrivals, good.customer):
                yield early._replace(arrives_at=load.instant(place))
        arrival = place
        if disturbance.random() < load.late_share and not is_complaint:
            arrival += disturbance.randint(1, MAX_DELAY)
            arrival = min(arrival, load.last_of_day(place))
        heapq.heappush(arrivals, (arrival, next(order), good))
        if disturbance.random() < load.duplicate_share:
            arrival += disturbance.randint(0, MAX_DELAY)
            heapq.heappush(arrivals, (arrival, next(order), good._replace(expected=DUPLICATE)))
        if disturbance.random() < load.poison_share:
            code, spoil = POISONS[poisons % len(POISONS)]
            poisons += 1
            bad = _loaded(load, f"poison-{poisons}", load.instant(place), event)
            bad = bad._replace(record=spoil(bad.record), expected=code)
            heapq.heappush(arrivals, (arrival, next(order), bad))
        while arrivals and arrivals[0][0] <= place:
            yield heapq.heappop(arrivals)[2]._replace(arrives_at=load.instant(place))
    while arrivals:
        yield heapq.heappop(arrivals)[2]._replace(arrives_at=load.instant(load.events - 1))


def _take(arrivals: list[tuple[int, int, Loaded]], customer: int) -> list[Loaded]:
    """Removes everything of a customer from those on their way, and returns it in order."""
    taken = sorted(entry for entry in arrivals if entry[2].customer == customer)
    if taken:
        arrivals[:] = [entry for entry in arrivals if entry[2].customer != customer]
        heapq.heapify(arrivals)
    return [loaded for _, _, loaded in taken]


def _loaded(load: Load, id: str, at: datetime, event: ChannelEvent) -> Loaded:
    channel = event.via if isinstance(event, said.AnyChannelEvent) else event.channel
    headers = to_headers(Envelope(id, load.source, event.type, at, at))
    key = event.identities[0].value
    record = Record(RAW[channel].name, key, headers, event.to_json())
    return Loaded(record, id, ACCEPTED, event, at, at)


def phone_number(customer: int) -> str:
    """A number that is this customer's alone."""
    return f"+86139{customer:08}"


class _Crowd:
    """The customers of a shop, and what they do next.

    Most keep to one channel, so that their events lie in one partition and have one order. The
    others come through all channels; what they do before a phone is known to be theirs belongs to
    a customer who is then merged. Half of all events come from who was there just before.
    """

    def __init__(self, content: random.Random, load: Load) -> None:
        self._content = content
        self._load = load
        self._numbers = [0] * load.customers
        self._lately: deque[int] = deque([0], maxlen=10)

    def next_event(self) -> tuple[str, ChannelEvent]:
        """Its id and what happens."""
        content = self._content
        if content.random() < 0.5:
            customer = content.choice(self._lately)
        else:
            customer = content.randrange(len(self._numbers))
            self._lately.append(customer)
        self._numbers[customer] += 1
        number = self._numbers[customer]
        identities: tuple[Identity, ...] = (Identity(kind="member_card", value=f"{customer:07}"),)
        phone = Identity(kind="phone", value=phone_number(customer))
        links = content.random()
        if links < 0.2:
            identities += (phone,)
        elif links < 0.4 and customer % ROAMS_EVERY == 0:
            identities = (phone,)
        issue = f"{customer}-{number - number % 5}"
        return f"{customer}-{number}", self._event(customer, identities, issue)

    def _event(self, customer: int, identities: tuple[Identity, ...], issue: str) -> ChannelEvent:
        content = self._content
        home: Channel = "store" if customer % 2 else "app"
        if customer % ROAMS_EVERY == 0:
            home = content.choice(("phone", "chat", "app", "sms", "community", "store"))
        amount = content.randrange(1_000, 500_000) * (1 + customer % 5)
        kind = content.random()
        if kind < 0.04:
            return said.ComplaintRaised(
                identities=identities, category="delivery", reference=issue, via=home
            )
        if kind < 0.06:
            impact = content.choice(_IMPACTS)
            return said.FaultReported(
                identities=identities, impact=impact, reference=issue, via=home
            )
        if kind < 0.10:
            return said.IssueResponded(identities=identities, reference=issue, via=home)
        if kind < 0.14:
            return said.IssueResolved(identities=identities, reference=issue, via=home)
        if kind < 0.16:
            return said.SurveyAnswered(identities=identities, survey="nps", score=9, via=home)
        if kind < 0.21:
            return self._told(customer, identities, home)
        return _CONTACTS[home](identities, amount, content.random() < 0.3)

    def _told(self, customer: int, identities: tuple[Identity, ...], home: Channel) -> ChannelEvent:
        """What changes the customer's record: details, a contract, a consent."""
        content = self._content
        kind = content.random()
        if kind < 0.5:
            return said.DetailsGiven(
                identities=identities,
                name=f"{PRIVATE_WORDS} {content.randrange(100)}",
                region=content.choice(("CN-11", "CN-31", "CN-44")),
                party=content.choice(("individual", "company")),
                account_manager=content.choice(("li-na", "wang-wei")),
                special_care=content.choice(((), ("elderly",), ("vip", "hearing"))),
                via=home,
            )
        if kind < 0.75:
            return said.ContractChanged(
                identities=identities,
                contract=f"C-{customer}",
                change=content.choice(_CONTRACT_CHANGES),
                ends_at=self._load.start + timedelta(days=content.randrange(2 * self._load.days)),
                via=home,
            )
        return said.ConsentChanged(
            identities=identities,
            contact_channel=content.choice(("phone", "sms")),
            purpose=content.choice(("care", "marketing")),
            granted=content.random() < 0.5,
            via=home,
        )


def _store(identities: tuple[Identity, ...], amount: int, is_visit: bool) -> ChannelEvent:
    if is_visit:
        return said.StoreVisited(identities=identities)
    return said.PurchaseCompleted(identities=identities, amount_minor=amount, currency="CNY")


def _app(identities: tuple[Identity, ...], amount: int, is_enquiry: bool) -> ChannelEvent:
    if is_enquiry:
        return said.EnquiryMade(identities=identities, product="phone")
    return said.OrderPlaced(identities=identities, amount_minor=amount, currency="CNY")


def _phone(identities: tuple[Identity, ...], amount: int, is_missed: bool) -> ChannelEvent:
    if is_missed:
        return said.CallMissed(identities=identities, direction="inbound")
    return said.CallCompleted(
        identities=identities, direction="inbound", duration_seconds=amount // 1_000
    )


def _chat(identities: tuple[Identity, ...], amount: int, is_end: bool) -> ChannelEvent:
    if is_end:
        return said.ChatSessionClosed(
            identities=identities, session="s", duration_seconds=amount // 1_000, messages=3
        )
    return said.ChatMessageReceived(
        identities=identities, session="s", text=f"{PRIVATE_WORDS} {amount}"
    )


def _sms(identities: tuple[Identity, ...], amount: int, is_receipt: bool) -> ChannelEvent:
    if is_receipt:
        return said.SmsDelivered(identities=identities)
    return said.SmsReplied(identities=identities, text=f"{PRIVATE_WORDS} {amount}")


def _community(identities: tuple[Identity, ...], amount: int, is_like: bool) -> ChannelEvent:
    return (
        said.LikeGiven(identities=identities)
        if is_like
        else said.PostPublished(identities=identities)
    )


_IMPACTS: tuple[Literal["system_down", "function_broken", "question"], ...] = (
    "system_down",
    "function_broken",
    "question",
)

_CONTRACT_CHANGES: tuple[Literal["signed", "renewed", "terminated"], ...] = (
    "signed",
    "renewed",
    "terminated",
)

_CONTACTS: dict[Channel, Callable[[tuple[Identity, ...], int, bool], ChannelEvent]] = {
    "phone": _phone,
    "chat": _chat,
    "app": _app,
    "sms": _sms,
    "community": _community,
    "store": _store,
}
"""What customers ordinarily do in each channel."""


def _with_header(headers: Headers, name: str, value: bytes) -> Headers:
    return [(one, value if one == name else text) for one, text in headers]


Spoil = Callable[[Record], Record]


def _value(value: bytes | None) -> Spoil:
    return lambda record: record._replace(value=value)


def _header(name: str, value: bytes) -> Spoil:
    return lambda record: record._replace(headers=_with_header(record.headers, name, value))


_IDENTITY = b'"identities":[{"kind":"member_card","value":"0000000"}]'

POISONS: tuple[tuple[str, Spoil], ...] = (
    ("malformed_json", _value(b'{"identities": [')),
    ("malformed_json", _value(None)),
    ("bad_encoding", _value(b"\xff\xfe\x00")),
    ("invalid_identity", _value(b'{"identities":[{"kind":"member_card","value":7}]}')),
    ("missing_identity", _value(b'{"identities":[]}')),
    ("unknown_type", _header("ce_type", b"careline.fax.received.v1")),
    ("unknown_type", _header("ce_type", b"careline.purchase.completed.v9")),
    ("invalid_attribute", _header("ce_specversion", b"0.3")),
    ("bad_encoding", _header("ce_source", b"\xff")),
    ("invalid_attribute", _header("ce_time", b"yesterday")),
    ("time_in_future", _header("ce_time", b"2999-01-01T00:00:00Z")),
    # nobody reads a channel's key: what is bad under a key that is no text is put aside with it
    ("malformed_json", lambda record: record._replace(key=b"\xff\xfe", value=b"{")),
    ("too_large", _value(b"{%s,%s}" % (_IDENTITY, b'"text":"%s"' % (b"x" * 300_000)))),
)
"""Each kind of poison, and the code under which ingest must put it aside."""
