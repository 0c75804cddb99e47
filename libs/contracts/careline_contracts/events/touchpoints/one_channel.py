"""Touchpoints that belong to a channel: calls, chats, app use, messages, posts, purchases."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from careline_contracts.events.touchpoints.channel_event import (
    Channel,
    ChannelEvent,
    Count,
    MinorUnits,
)
from careline_contracts.payload import Currency, Instant, LongText, Personal, ShortText


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
    product: ShortText | None = None
    """What was bought, in the words of the catalogue: grows preference tags (TAG-4)."""


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
    product: ShortText | None = None
    """What was bought, in the words of the catalogue: grows preference tags (TAG-4)."""


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
