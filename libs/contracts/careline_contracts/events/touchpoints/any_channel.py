"""Touchpoints that every channel can see: the sender names the channel."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from careline_contracts.events.touchpoints.channel_event import AnyChannelEvent
from careline_contracts.payload import Instant, LongText, Personal, ShortText


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


class ContractChanged(AnyChannelEvent):
    type: ClassVar[str] = "careline.contract.changed.v1"
    contract: ShortText
    change: Literal["signed", "renewed", "amended", "terminated"]
    ends_at: Instant | None = None


FieldName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,49}$")]
"""A field of the customer record, as profile's policy names it."""

ContactChannel = Literal["phone", "chat", "app", "sms", "community", "store", "email", "mail"]
"""Through what a company can reach a customer."""


class DetailsGiven(AnyChannelEvent):
    """What somebody says about the customer: on a form, on the phone, in a file of another system.

    As it was said: profile brings values into their form, and keeps one that can't be brought
    there as a finding about the source, not as a value (REC-3, REC-4). `more` holds what a business
    has declared in profile's policy beyond these; it is sealed whole, as nobody here knows what
    is in it.
    """

    type: ClassVar[str] = "careline.details.given.v1"
    verified_by: Literal["call_back", "email", "third_party", "document"] | None = None
    """How somebody made sure of these values; absent when nobody did."""
    name: Annotated[ShortText | None, Personal()] = None
    birthday: Annotated[ShortText | None, Personal()] = None
    """`1985-06-07`, or `--06-07` without the year."""
    address: Annotated[ShortText | None, Personal()] = None
    party: ShortText | None = None
    """individual or company."""
    side: ShortText | None = None
    """b or c: served as a business, or as a consumer."""
    region: ShortText | None = None
    industry: ShortText | None = None
    source: ShortText | None = None
    """How the customer came to the company."""
    language: ShortText | None = None
    time_zone: ShortText | None = None
    account_manager: ShortText | None = None
    preferences: Annotated[tuple[ShortText, ...], Field(max_length=20)] = ()
    special_care: Annotated[tuple[ShortText, ...], Field(max_length=20)] = ()
    decision_role: ShortText | None = None
    """The customer's part in decisions of a company: decision_maker, influencer, buyer, user."""
    decision_chain: Annotated[LongText | None, Personal()] = None
    """Who decides there, and how."""
    cooperation: Annotated[LongText | None, Personal()] = None
    """What was done together so far."""
    more: Annotated[dict[FieldName, ShortText], Field(max_length=30), Personal()] = Field(
        default_factory=dict
    )


class ConsentChanged(AnyChannelEvent):
    """The customer allows or forbids being contacted through a channel for a purpose.

    `purpose` is a word of the company's own list, such as `marketing` or `service`.
    """

    type: ClassVar[str] = "careline.consent.changed.v1"
    contact_channel: ContactChannel
    purpose: ShortText
    granted: bool
    expires_at: Instant | None = None
    """A consent ends then; a refusal has no end."""
