"""Makes up what the real purchases lack: calls, chats, app use, SMS, posts, complaints, faults.

None of it is real. It is drawn from a seed, customer by customer, so that the same purchases and
seed give the same events; each has a source that begins with `/synthetic/`. Rates are per
purchase, and are a shop's plausible ones rather than measured: together about 0.6 events.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from careline_client import Event, event
from careline_contracts.events import touchpoints as said
from careline_contracts.events.touchpoints import ChannelEvent, Identity

SOURCE = "/synthetic/"

PRODUCTS = ("headset", "gift card", "record player", "screen insurance", "streaming plan")
CATEGORIES = ("delivery", "damaged disc", "invoice", "staff", "returns")
FAULTS = ("login", "payment", "download", "search")
WORDS = ("Where is my order?", "能开发票吗？", "It skips on track 3.", "谢谢！", "Also on vinyl?")
NAMES = ("示例·张三", "示例·李四", "示例·王五", "Alex Example", "Sam Example", "示例商贸有限公司")
REGIONS = ("CN-11", "CN-31", "CN-44", "CN-51", "SG", "GB")
TASTES = ("jazz", "classical", "rock", "country", "soundtracks")
AGENTS = tuple(f"agent-{number:02}" for number in range(1, 25))


class Purchase(NamedTuple):
    """A real purchase: whose, when, how much."""

    card: str
    at: datetime
    amount_minor: int


class Step(NamedTuple):
    """Something that a made-up journey contains."""

    at: datetime
    event: ChannelEvent


def synthetic_events(
    purchases: Iterable[Purchase], *, seed: int, since: datetime, until: datetime
) -> list[Event]:
    """Made-up touchpoints of the purchases' customers in a period, in order of time."""
    by_card: dict[str, list[Purchase]] = {}
    for purchase in sorted(purchases):
        by_card.setdefault(purchase.card, []).append(purchase)
    events = [
        event
        for card, own in by_card.items()
        for event in _events_of(_Person(card, own[0].at, seed), own)
        if since <= event.occurred_at < until
    ]
    return sorted(events, key=lambda event: (event.occurred_at, event.source, event.id))


def purchases_in(events: Iterable[Event]) -> list[Purchase]:
    """The purchases among imported events, for `synthetic_events`."""
    found = []
    for one in events:
        if one.type == said.PurchaseCompleted.type:
            data = said.PurchaseCompleted.parse(one.data)
            card = next(id.value for id in data.identities if id.kind == "member_card")
            found.append(Purchase(card, one.occurred_at, data.amount_minor))
    return found


class _Person:
    """A customer's made-up side: which channels they use, and when the card gets to know them."""

    def __init__(self, card: str, first_purchase_at: datetime, seed: int) -> None:
        self.chance = random.Random(f"{seed}/{card}")  # noqa: S311 - a demo, not a secret
        self.card = Identity(kind="member_card", value=card)
        own = {
            "phone": (0.75, Identity(kind="phone", value=f"+86139{int(card):08}")),
            "app": (0.6, Identity(kind="app_user", value=f"app-{card}")),
            "chat": (0.5, Identity(kind="chat_open_id", value=f"wx-{card}")),
            "community": (0.5, Identity(kind="community_user", value=f"reader-{card}")),
        }
        self.own = {
            channel: identity
            for channel, (share, identity) in own.items()
            if self.chance.random() < share
        }
        if "phone" in self.own:
            self.own["sms"] = self.own["phone"]
        # One in four is known by phone alone for up to four months: until a call names the card
        # too, the phone and the card are two customers, in different partitions.
        self.linked_at = first_purchase_at
        if "phone" in self.own and self.chance.random() < 1 / 4:
            self.linked_at += timedelta(days=self.chance.randint(1, 120))

    def identities(self, channel: str, at: datetime) -> tuple[Identity, ...]:
        own = self.own.get(channel)
        if own is None:
            return (self.card,)
        if own.kind == "phone" and at < self.linked_at:
            return (own,)
        return (self.card, own) if self.chance.random() < 0.7 else (self.card,)

    def says(self, at: datetime, event: type[ChannelEvent], **fields: Any) -> Step:
        identities = self.identities(fields.get("via", event.channel), at)
        return Step(at, event(identities=identities, **fields))

    def later(self, at: datetime, least_minutes: float, most_minutes: float) -> datetime:
        """A moment after `at`; waits are skewed: most are short, some are long."""
        share = self.chance.random() ** 3
        minutes = least_minutes + (most_minutes - least_minutes) * share
        return at + timedelta(seconds=round(60 * minutes))

    def around(self, at: datetime, first_day: int, last_day: int) -> datetime:
        """A moment between 9:00 and 21:00 some days from `at`."""
        day = at + timedelta(days=self.chance.randint(first_day, last_day))
        return day.replace(hour=9, minute=0) + timedelta(seconds=self.chance.randrange(12 * 3600))

    def happens(self, share: float) -> bool:
        return self.chance.random() < share


Journey = Callable[[_Person, Purchase], Iterator[Step]]


def _browses_the_app(person: _Person, purchase: Purchase) -> Iterator[Step]:
    at = person.around(purchase.at, -6, 0)
    yield person.says(at, said.AppSessionStarted)
    if person.happens(0.6):
        at = person.later(at, 1, 15)
        feature = person.chance.choice(("search", "wish list", "warranty check"))
        yield person.says(at, said.FeatureUsed, feature=feature)
    if person.happens(0.25):
        product = person.chance.choice(PRODUCTS)
        yield person.says(person.later(at, 1, 20), said.EnquiryMade, product=product)


def _orders_in_the_app(person: _Person, purchase: Purchase) -> Iterator[Step]:
    amount = person.chance.randrange(500, 4_000)
    yield person.says(
        person.around(purchase.at, 3, 30), said.OrderPlaced, amount_minor=amount, currency="USD"
    )


def _calls(person: _Person, purchase: Purchase) -> Iterator[Step]:
    at = person.around(purchase.at, -10, 60)
    if person.happens(0.2):
        yield person.says(at, said.CallMissed, direction="inbound")
        if not person.happens(0.5):
            return
        at = person.later(at, 1, 30)
        yield person.says(at, said.CallbackRequested, subject="order")
        at = person.later(at, 10, 600)
    yield person.says(
        at,
        said.CallCompleted,
        direction="inbound",
        duration_seconds=person.chance.randrange(20, 900),
        agent=person.chance.choice(AGENTS),
    )
    if person.happens(0.2):
        via, score = "phone", person.chance.choice((2, 6, 8, 9, 10, 10))
        at = person.later(at, 20, 60)
        yield person.says(at, said.SurveyAnswered, via=via, survey="csat", score=score)


def _chats(person: _Person, purchase: Purchase) -> Iterator[Step]:
    started_at = at = person.around(purchase.at, -3, 40)
    session = f"chat-{purchase.card}-{at:%Y%m%d%H%M%S}"
    messages = person.chance.randint(1, 3)
    for _ in range(messages):
        text = person.chance.choice(WORDS)
        yield person.says(at, said.ChatMessageReceived, session=session, text=text)
        at = person.later(at, 0.5, 5)
    seconds = round((at - started_at).total_seconds())
    yield person.says(
        at, said.ChatSessionClosed, session=session, duration_seconds=seconds, messages=2 * messages
    )


def _gets_a_message(person: _Person, purchase: Purchase) -> Iterator[Step]:
    if "sms" not in person.own:
        return
    at = person.around(purchase.at, 1, 90)
    yield person.says(at, said.SmsDelivered, message=f"news-{at:%Y-%m}")
    if person.happens(0.1):
        text = person.chance.choice(WORDS)
        yield person.says(person.later(at, 1, 300), said.SmsReplied, text=text)
    elif person.happens(0.04):
        yield person.says(person.later(at, 1, 300), said.SmsOptedOut)


def _is_in_the_community(person: _Person, purchase: Purchase) -> Iterator[Step]:
    if "community" not in person.own:
        return
    at = person.around(purchase.at, 0, 50)
    post = f"post-{person.chance.randrange(5_000)}"
    kind = person.chance.choice(
        (said.LikeGiven, said.LikeGiven, said.PostPublished, said.AnswerGiven)
    )
    yield person.says(at, kind, post=post)


def _brings_a_friend(person: _Person, purchase: Purchase) -> Iterator[Step]:
    at = person.around(purchase.at, 5, 60)
    referral = f"friend-{purchase.card}-{at:%y%m%d}"
    yield person.says(at, said.ReferralMade, referral=referral)
    if person.happens(0.35):
        at = person.around(at, 3, 30)
        yield person.says(at, said.ReferralMade, referral=referral, converted=True)


def _recommends(person: _Person, purchase: Purchase) -> Iterator[Step]:
    via = person.chance.choice(("sms", "app"))
    score = person.chance.choice((3, 5, 7, 8, 8, 9, 9, 10, 10, 10))
    at = person.around(purchase.at, 2, 14)
    yield person.says(at, said.SurveyAnswered, via=via, survey="nps", score=score)


def _visits_the_store(person: _Person, purchase: Purchase) -> Iterator[Step]:
    yield person.says(person.around(purchase.at, 3, 90), said.StoreVisited, store="Shanghai 01")


def _takes_it_back(person: _Person, purchase: Purchase) -> Iterator[Step]:
    yield person.says(
        person.around(purchase.at, 1, 14),
        said.PurchaseReturned,
        amount_minor=purchase.amount_minor,
        currency="USD",
    )


def _pays_an_invoice(person: _Person, purchase: Purchase) -> Iterator[Step]:
    days_late = person.chance.choice((0, 0, 0, 0, 2, 9, 30))
    yield person.says(
        person.around(purchase.at, 14 + days_late, 16 + days_late),
        said.PaymentReceived,
        amount_minor=purchase.amount_minor,
        currency="USD",
        days_late=days_late,
    )


def _joins_a_plan(person: _Person, purchase: Purchase) -> Iterator[Step]:
    at = person.around(purchase.at, 0, 20)
    change = person.chance.choice(("signed", "signed", "renewed", "amended", "terminated"))
    yield person.says(
        at,
        said.ContractChanged,
        via="app",
        contract=f"plan-{purchase.card}",
        change=change,
        ends_at=at + timedelta(days=365),
    )


def _complains(person: _Person, purchase: Purchase) -> Iterator[Step]:
    at = person.around(purchase.at, 1, 20)
    via = person.chance.choice(("phone", "phone", "chat", "app"))
    reference = f"K-{purchase.card}-{at:%y%m%d%H%M}"
    category = person.chance.choice(CATEGORIES)
    yield person.says(
        at, said.ComplaintRaised, via=via, category=category, reference=reference, text=WORDS[2]
    )
    yield from _gets_help(person, at, via, reference)


def _meets_a_fault(person: _Person, purchase: Purchase) -> Iterator[Step]:
    at = person.around(purchase.at, -2, 30)
    impact = person.chance.choice(("question", "function_broken", "function_broken", "system_down"))
    via = person.chance.choice(("app", "chat", "phone"))
    reference = f"F-{purchase.card}-{at:%y%m%d%H%M}"
    category = person.chance.choice(FAULTS)
    yield person.says(
        at, said.FaultReported, via=via, impact=impact, category=category, reference=reference
    )
    yield from _gets_help(person, at, via, reference)


def _gets_help(person: _Person, at: datetime, via: str, reference: str) -> Iterator[Step]:
    """An answer, mostly within the hour, and a solution, mostly within two days; or never."""
    issue: dict[str, Any] = {"via": via, "reference": reference}
    if not person.happens(0.93):
        return
    agent = person.chance.choice(AGENTS)
    at = person.later(at, 2, 240)
    yield person.says(at, said.IssueResponded, agent=agent, **issue)
    if not person.happens(0.9):
        return
    at = person.later(at, 20, 6_000)
    cause = person.chance.choice(("courier", "warehouse", "software", "misunderstanding"))
    yield person.says(at, said.IssueResolved, agent=agent, cause=cause, **issue)
    if person.happens(0.08):
        at = person.later(at, 60, 4_000)
        yield person.says(at, said.IssueReopened, **issue)
        at = person.later(at, 60, 3_000)
        yield person.says(at, said.IssueResolved, agent=agent, cause=cause, **issue)
    if person.happens(0.3):
        score = person.chance.choice((0, 5, 8, 9, 10, 10))
        at = person.later(at, 30, 2_000)
        yield person.says(at, said.SurveyAnswered, via=via, survey="csat", score=score)


def _fills_in_a_form(person: _Person, purchase: Purchase) -> Iterator[Step]:
    """Plainly made-up details; now and then one that can't be right."""
    draw = person.chance
    name = draw.choice(NAMES)
    is_company = name == NAMES[-1]
    month, day = draw.randint(1, 12), draw.randint(1, 28)
    yield person.says(
        person.around(purchase.at, 0, 30),
        said.DetailsGiven,
        via=draw.choice(("store", "app", "phone")),
        verified_by=draw.choice((None, None, "call_back", "document")),
        name=name,
        birthday=None if is_company else f"{draw.randint(1935, 2000)}-{month:02}-{day:02}",
        party="company" if is_company else "individual",
        side="b" if is_company else "c",
        region=draw.choice(REGIONS) if person.happens(0.97) else "somewhere",
        language=draw.choice(("zh-CN", "zh-CN", "en")),
        preferences=(draw.choice(TASTES),),
        special_care=("vip",) if person.happens(0.05) else (),
    )


def _decides_on_news(person: _Person, purchase: Purchase) -> Iterator[Step]:
    at = person.around(purchase.at, 0, 60)
    granted = person.happens(0.7)
    yield person.says(
        at,
        said.ConsentChanged,
        via="app",
        contact_channel=person.chance.choice(("email", "sms", "phone")),
        purpose="marketing",
        granted=granted,
        expires_at=at + timedelta(days=365) if granted else None,
    )


JOURNEYS: Sequence[tuple[float, Journey]] = (
    (0.07, _browses_the_app),
    (0.01, _orders_in_the_app),
    (0.07, _calls),
    (0.03, _chats),
    (0.09, _gets_a_message),
    (0.05, _is_in_the_community),
    (0.010, _brings_a_friend),
    (0.04, _recommends),
    (0.03, _visits_the_store),
    (0.006, _takes_it_back),
    (0.02, _pays_an_invoice),
    (0.004, _joins_a_plan),
    (0.014, _complains),
    (0.008, _meets_a_fault),
    (0.03, _fills_in_a_form),
    (0.015, _decides_on_news),
)
"""How often each happens per purchase."""


def _events_of(person: _Person, purchases: Sequence[Purchase]) -> Iterator[Event]:
    """A customer's events, numbered in the order in which they were drawn."""
    number = 0
    for purchase in purchases:
        for share, journey in JOURNEYS:
            if not person.happens(share):
                continue
            for at, touchpoint in journey(person, purchase):
                number += 1
                channel = getattr(touchpoint, "via", touchpoint.channel)
                yield event(
                    touchpoint,
                    id=f"{purchase.card}-{number}",
                    source=f"{SOURCE}{channel}",
                    occurred_at=at,
                )
