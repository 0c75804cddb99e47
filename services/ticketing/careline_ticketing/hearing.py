"""What events mean to ticketing: facts about problems, and whose they are."""

from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any, ClassVar, NamedTuple

from pydantic import BaseModel

from careline_contracts.envelope import Envelope
from careline_contracts.events.profile import (
    IDENTITIES,
    Activity,
    CustomerErased,
    CustomersMerged,
    CustomersSplit,
    CustomerState,
)
from careline_contracts.events.scoring import TierChanged
from careline_contracts.events.ticketing import AgentState, TicketActed
from careline_contracts.payload import Payload, ShortText, short_type
from careline_contracts.topics import ACTIVITIES, AGENTS, CUSTOMERS, TICKET_ACTIONS, TIER_CHANGES
from careline_runtime.batch import Heard, Hears
from careline_runtime.errors import InvalidMessage
from careline_runtime.policy import Loaded
from careline_runtime.unit_of_work import Unit
from careline_ticketing.model import FOLLOW_UPS, Fact
from careline_ticketing.policy import InForce, Policy
from careline_ticketing.store.customers import Record


class News(NamedTuple):
    """A readable activity: the fact that it brings, and about whom."""

    fact: Fact
    identity: str
    number: str


class AnsweredFor(Payload):
    """A customer's record, of which a desk reads who answers for the customer, the special care
    that they need, and no more.
    """

    type: ClassVar[str] = CustomerState.type

    class Attributes(BaseModel):
        account_manager: ShortText | tuple[ShortText, ...] | None = None
        special_care: ShortText | tuple[ShortText, ...] = ()

    customer: ShortText
    version: int
    attributes: Attributes = Attributes()

    @property
    def as_record(self) -> Record:
        """Where the record names several account managers, the first."""
        named, care = self.attributes.account_manager, self.attributes.special_care
        if isinstance(named, tuple):
            named = next(iter(named), None)
        return Record(
            self.customer, self.version, named, (care,) if isinstance(care, str) else care
        )


class Ears:
    """Only activities that can make or move a ticket are read; the rest is skipped by header."""

    def __init__(self) -> None:
        self._types: dict[str, type[Payload]] = {
            event.type: event for event in (CustomersMerged, CustomersSplit, CustomerErased)
        }
        self.hears = (
            Hears(ACTIVITIES, self._types),
            Hears(TICKET_ACTIONS, {TicketActed.type: TicketActed}),
            Hears(TIER_CHANGES, {TierChanged.type: TierChanged}),
            Hears(CUSTOMERS, {AnsweredFor.type: AnsweredFor}, skips=IDENTITIES),
            Hears(AGENTS, {AgentState.type: AgentState}),
        )

    def under(self, loaded: Loaded[Policy]) -> InForce:
        """The policy as it decides; what it names is heard from now on."""
        self._types.update(dict.fromkeys(loaded.policy.types, Activity))
        return InForce(loaded.policy, loaded.version)


Moving = CustomersMerged | CustomersSplit
Readable = tuple[Envelope, News | Moving]


def read(unit: Unit, heard: Sequence[Heard]) -> Iterator[Readable]:
    """What is about tickets or their customers, in order; what can't be read is put aside."""
    for event in heard:
        if isinstance(event.payload, CustomersMerged | CustomersSplit):
            yield event.envelope, event.payload
        elif isinstance(event.payload, TicketActed):
            yield event.envelope, done(event.envelope, event.payload)
        elif isinstance(event.payload, Activity):
            try:
                yield event.envelope, news(event.envelope, event.payload)
            except InvalidMessage as error:
                unit.refuse(event.record, error.reason, error.detail)


def done(envelope: Envelope, acted: TicketActed) -> News:
    """What an action says about a problem."""
    fact = Fact(
        occurred_at=envelope.occurred_at.astimezone(UTC),
        key=envelope.event_key,
        type=acted.act,
        channel="desk",
        impact=acted.impact,
        category=acted.category or "general",
        product=acted.product,
        reference=acted.reference,
        ticket=acted.ticket,
        agent=acted.agent,
        team=acted.team,
        detail=acted.detail,
    )
    return News(fact, acted.identity, acted.customer)


def news(envelope: Envelope, activity: Activity) -> News:
    """What an activity says about a problem; raises `InvalidMessage` without a usable body."""
    type_ = short_type(envelope.type)
    body = activity.body
    follows_up = type_ in FOLLOW_UPS
    fact = Fact(
        occurred_at=envelope.occurred_at.astimezone(UTC),
        key=envelope.event_key,
        type=type_,
        channel=activity.channel,
        impact=_text(body, "impact"),
        # an enquiry has a subject where a complaint has a category
        category=_text(body, "category") or _text(body, "subject") or "general",
        product=_text(body, "product"),
        reference=_text(body, "reference"),
        agent=_text(body, "agent") if follows_up else None,
        team=_text(body, "team") if follows_up else None,
        detail=_detail(body) if follows_up else None,
    )
    if follows_up and fact.reference is None:
        raise InvalidMessage("invalid_data", "/body/reference: which problem is it about?")
    return News(fact, activity.identity, activity.customer)


def _detail(body: dict[str, Any]) -> str | None:
    """The one word that a follow-up's act needs; each type has one of these at most."""
    if isinstance(score := body.get("score"), int):
        return str(score)
    return _text(body, "waiting_for") or _text(body, "level") or _text(body, "cause")


def _text(body: dict[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidMessage("invalid_data", f"/body/{name}: is not text")
    return value or None
