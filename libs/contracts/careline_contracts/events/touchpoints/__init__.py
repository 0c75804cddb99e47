"""What channel systems say: one class per kind of touchpoint, in the form that a channel sends.

A channel sends these to ingest with identities in clear. Ingest turns each into a `Touchpoint`
(`ingest.py`): identity values become tokens, fields marked `Personal` are sealed. All other texts
pass as they are and must not hold personal data: numbers and codes of the channel's own systems
(`reference`, `post`, `session`, …), a topic from its list (`subject`, `category`, `cause`), its
staff (`agent`). `docs/topics.md` lists them by type.
The border is strict: `"12"` is not a number here, so what is accepted is what the schema says.
"""

from typing import ClassVar, Literal

from pydantic import ConfigDict

from careline_contracts.events.touchpoints.any_channel import (
    ComplaintRaised,
    ConsentChanged,
    ContactChannel,
    ContractChanged,
    DetailsGiven,
    FaultReported,
    FieldName,
    SurveyAnswered,
)
from careline_contracts.events.touchpoints.channel_event import (
    AnyChannelEvent,
    Channel,
    ChannelEvent,
    Count,
    Identity,
    IdentityKind,
    MinorUnits,
)
from careline_contracts.events.touchpoints.issues import (
    IssueAssigned,
    IssueClosed,
    IssueFixed,
    IssuePaused,
    IssuePrioritised,
    IssueRated,
    IssueReopened,
    IssueReplied,
    IssueResolved,
    IssueResponded,
    IssueResumed,
)
from careline_contracts.events.touchpoints.one_channel import (
    AnswerGiven,
    AppSessionStarted,
    CallbackRequested,
    CallCompleted,
    CallMissed,
    ChatMessageReceived,
    ChatSessionClosed,
    EnquiryMade,
    FeatureUsed,
    LikeGiven,
    OrderPlaced,
    PaymentReceived,
    PostPublished,
    PurchaseCompleted,
    PurchaseReturned,
    ReferralMade,
    SmsDelivered,
    SmsOptedOut,
    SmsReplied,
    StoreVisited,
)
from careline_contracts.payload import Payload, ShortText

__all__ = [
    "CHANNEL_EVENTS",
    "AnswerGiven",
    "AnyChannelEvent",
    "AppSessionStarted",
    "CallCompleted",
    "CallMissed",
    "CallbackRequested",
    "Channel",
    "ChannelEvent",
    "ChatMessageReceived",
    "ChatSessionClosed",
    "ComplaintRaised",
    "ConsentChanged",
    "ContactChannel",
    "ContractChanged",
    "Count",
    "DetailsGiven",
    "EnquiryMade",
    "FaultReported",
    "FeatureUsed",
    "FieldName",
    "Identity",
    "IdentityKind",
    "IssueAssigned",
    "IssueClosed",
    "IssueFixed",
    "IssuePaused",
    "IssuePrioritised",
    "IssueRated",
    "IssueReopened",
    "IssueReplied",
    "IssueResolved",
    "IssueResponded",
    "IssueResumed",
    "LikeGiven",
    "MinorUnits",
    "OrderPlaced",
    "OutreachAnswered",
    "PaymentReceived",
    "PostPublished",
    "PurchaseCompleted",
    "PurchaseReturned",
    "ReferralMade",
    "SmsDelivered",
    "SmsOptedOut",
    "SmsReplied",
    "StoreVisited",
    "SurveyAnswered",
]

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
    IssueReplied,
    IssueFixed,
    IssuePaused,
    IssueResumed,
    IssueAssigned,
    IssuePrioritised,
    IssueClosed,
    IssueRated,
    ContractChanged,
    DetailsGiven,
    ConsentChanged,
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
