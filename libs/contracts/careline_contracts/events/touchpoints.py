"""What channel systems say: one class per kind of touchpoint, in the form that a channel sends.

A channel sends these to ingest with identities in clear. Ingest turns each into a `Touchpoint`
(`ingest.py`): identity values become tokens, fields marked `Personal` are sealed. All other texts
pass as they are and must not hold personal data: numbers and codes of the channel's own systems
(`reference`, `post`, `session`, …), a topic from its list (`subject`, `category`, `cause`), its
staff (`agent`). `docs/topics.md` lists them by type.
The border is strict: `"12"` is not a number here, so what is accepted is what the schema says.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from careline_contracts.payload import (
    Currency,
    Instant,
    LongText,
    Payload,
    Personal,
    ShortText,
)

Channel = Literal["phone", "chat", "app", "sms", "community", "store"]

IdentityKind = Literal[
    "phone",
    "email",
    "app_user",
    "chat_open_id",
    "community_user",
    "member_card",
    "crm_number",
    "id_number",
    "bank_account",
    "device",
]

Count = Annotated[int, Field(ge=0, le=1_000_000_000)]
"""How many, or how many seconds or days: fits a 32-bit column."""

MinorUnits = Annotated[int, Field(ge=0, le=1_000_000_000_000_000)]
"""Money in the currency's smallest unit: thousands of the largest amounts fit a 64-bit sum."""


class Identity(Payload):
    """How a channel knows a customer. `value` is as the channel has it; ingest normalises it."""

    model_config = ConfigDict(strict=True)

    type: ClassVar[str] = ""
    kind: IdentityKind
    value: Annotated[
        str, Field(min_length=1, max_length=254, pattern=r"^[^\x00-\x1f\x7f]*$"), Personal()
    ]


class ChannelEvent(Payload):
    """Common to all touchpoints: at least one identity; several are linked to one customer.

    The first identity decides the Kafka partition, so a channel that always names the same
    one first keeps a customer's events in order.
    """

    model_config = ConfigDict(strict=True)

    channel: ClassVar[Channel]
    identities: Annotated[tuple[Identity, ...], Field(min_length=1, max_length=10)]


# phone
class CallCompleted(ChannelEvent):
    type: ClassVar[str] = "careline.call.completed.v1"
    channel: ClassVar[Channel] = "phone"
    direction: Literal["inbound", "outbound"]
    duration_seconds: Count
    agent: ShortText | None = None


class CallMissed(ChannelEvent):
    type: ClassVar[str] = "careline.call.missed.v1"
    channel: ClassVar[Channel] = "phone"
    direction: Literal["inbound", "outbound"]


class CallbackRequested(ChannelEvent):
    type: ClassVar[str] = "careline.callback.requested.v1"
    channel: ClassVar[Channel] = "phone"
    wanted_at: Instant | None = None
    subject: ShortText | None = None


# chat
class ChatMessageReceived(ChannelEvent):
    type: ClassVar[str] = "careline.chat-message.received.v1"
    channel: ClassVar[Channel] = "chat"
    session: ShortText
    text: Annotated[LongText, Personal()] = ""


class ChatSessionClosed(ChannelEvent):
    type: ClassVar[str] = "careline.chat-session.closed.v1"
    channel: ClassVar[Channel] = "chat"
    session: ShortText
    duration_seconds: Count
    messages: Count


# app
class AppSessionStarted(ChannelEvent):
    type: ClassVar[str] = "careline.app-session.started.v1"
    channel: ClassVar[Channel] = "app"


class FeatureUsed(ChannelEvent):
    type: ClassVar[str] = "careline.feature.used.v1"
    channel: ClassVar[Channel] = "app"
    feature: ShortText


class EnquiryMade(ChannelEvent):
    type: ClassVar[str] = "careline.enquiry.made.v1"
    channel: ClassVar[Channel] = "app"
    product: ShortText | None = None
    subject: ShortText | None = None
    reference: ShortText | None = None


class OrderPlaced(ChannelEvent):
    """Counts as spending when placed; a return takes it back."""

    type: ClassVar[str] = "careline.order.placed.v1"
    channel: ClassVar[Channel] = "app"
    amount_minor: MinorUnits
    currency: Currency
    items: Annotated[Count, Field(ge=1)] = 1
    order: ShortText | None = None


# sms
class SmsDelivered(ChannelEvent):
    """The gateway's receipt for a message to the customer."""

    type: ClassVar[str] = "careline.sms.delivered.v1"
    channel: ClassVar[Channel] = "sms"
    message: ShortText | None = None


class SmsReplied(ChannelEvent):
    type: ClassVar[str] = "careline.sms.replied.v1"
    channel: ClassVar[Channel] = "sms"
    text: Annotated[LongText, Personal()] = ""


class SmsOptedOut(ChannelEvent):
    type: ClassVar[str] = "careline.sms.opted-out.v1"
    channel: ClassVar[Channel] = "sms"
    purpose: ShortText = "marketing"


# community
class PostPublished(ChannelEvent):
    type: ClassVar[str] = "careline.post.published.v1"
    channel: ClassVar[Channel] = "community"
    post: ShortText | None = None


class AnswerGiven(ChannelEvent):
    type: ClassVar[str] = "careline.answer.given.v1"
    channel: ClassVar[Channel] = "community"
    post: ShortText | None = None


class LikeGiven(ChannelEvent):
    type: ClassVar[str] = "careline.like.given.v1"
    channel: ClassVar[Channel] = "community"
    post: ShortText | None = None


class ReferralMade(ChannelEvent):
    """The customer brought somebody in. `converted` once that person has bought."""

    type: ClassVar[str] = "careline.referral.made.v1"
    channel: ClassVar[Channel] = "community"
    referral: ShortText | None = None
    converted: bool = False


# store
class StoreVisited(ChannelEvent):
    type: ClassVar[str] = "careline.store.visited.v1"
    channel: ClassVar[Channel] = "store"
    store: ShortText | None = None


class PurchaseCompleted(ChannelEvent):
    type: ClassVar[str] = "careline.purchase.completed.v1"
    channel: ClassVar[Channel] = "store"
    amount_minor: MinorUnits
    currency: Currency
    items: Count = 1
    store: ShortText | None = None
    receipt: ShortText | None = None


class PurchaseReturned(ChannelEvent):
    type: ClassVar[str] = "careline.purchase.returned.v1"
    channel: ClassVar[Channel] = "store"
    amount_minor: MinorUnits
    currency: Currency
    receipt: ShortText | None = None


class PaymentReceived(ChannelEvent):
    """`days_late` 0 is punctual."""

    type: ClassVar[str] = "careline.payment.received.v1"
    channel: ClassVar[Channel] = "store"
    amount_minor: MinorUnits
    currency: Currency
    days_late: Count = 0


# any channel: the sender names the channel
class AnyChannelEvent(ChannelEvent):
    """A touchpoint that every channel can see; it says itself through which one it came.

    Without `via` it came through the channel of whoever sends it, where that is known (a key's
    or a raw topic's channel).
    """

    channel: ClassVar[Channel] = "app"
    via: Channel = "app"


class SurveyAnswered(AnyChannelEvent):
    type: ClassVar[str] = "careline.survey.answered.v1"
    survey: Literal["nps", "csat"]
    score: Annotated[int, Field(ge=0, le=10)]


class ComplaintRaised(AnyChannelEvent):
    """`reference` is the channel's own number for the problem; later events repeat it."""

    type: ClassVar[str] = "careline.complaint.raised.v1"
    product: ShortText | None = None
    category: ShortText = "general"
    reference: ShortText | None = None
    text: Annotated[LongText, Personal()] = ""


class FaultReported(AnyChannelEvent):
    type: ClassVar[str] = "careline.fault.reported.v1"
    impact: Literal["system_down", "function_broken", "question"]
    product: ShortText | None = None
    category: ShortText = "general"
    reference: ShortText | None = None
    text: Annotated[LongText, Personal()] = ""


class IssueResponded(AnyChannelEvent):
    """An agent answered the customer about a complaint, fault or enquiry."""

    type: ClassVar[str] = "careline.issue.responded.v1"
    reference: ShortText
    agent: ShortText | None = None


class IssueResolved(AnyChannelEvent):
    type: ClassVar[str] = "careline.issue.resolved.v1"
    reference: ShortText
    agent: ShortText | None = None
    cause: ShortText | None = None


class IssueReopened(AnyChannelEvent):
    type: ClassVar[str] = "careline.issue.reopened.v1"
    reference: ShortText


class ContractChanged(AnyChannelEvent):
    type: ClassVar[str] = "careline.contract.changed.v1"
    contract: ShortText
    change: Literal["signed", "renewed", "amended", "terminated"]
    ends_at: Instant | None = None


CHANNEL_EVENTS: tuple[type[ChannelEvent], ...] = (
    CallCompleted,
    CallMissed,
    CallbackRequested,
    ChatMessageReceived,
    ChatSessionClosed,
    AppSessionStarted,
    FeatureUsed,
    EnquiryMade,
    OrderPlaced,
    SmsDelivered,
    SmsReplied,
    SmsOptedOut,
    PostPublished,
    AnswerGiven,
    LikeGiven,
    ReferralMade,
    StoreVisited,
    PurchaseCompleted,
    PurchaseReturned,
    PaymentReceived,
    SurveyAnswered,
    ComplaintRaised,
    FaultReported,
    IssueResponded,
    IssueResolved,
    IssueReopened,
    ContractChanged,
)
"""All touchpoints that bring identities."""


class OutreachAnswered(Payload):
    """What became of an outreach request: said by the channel system that delivered it.

    It names the customer by number, as the request did, so it needs no identities;
    ingest passes it on to `careline.outreach-results.v1`.
    """

    model_config = ConfigDict(strict=True)

    type: ClassVar[str] = "careline.outreach.answered.v1"
    request: ShortText
    customer: ShortText
    result: Literal["delivered", "read", "replied", "failed", "opted_out"]
    cause: ShortText | None = None
    """Why the customer was leaving, where the contact found out."""
    offer: ShortText | None = None
    offer_minor: MinorUnits | None = None
    """What the offer costs us, in the smallest unit of the currency that the policy counts in."""
