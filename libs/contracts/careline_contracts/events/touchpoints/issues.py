"""What becomes of a complaint, fault or enquiry after it was reported, told by any channel."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from careline_contracts.events.touchpoints.channel_event import AnyChannelEvent
from careline_contracts.payload import LongText, Personal, ShortText


class FollowUp(AnyChannelEvent):
    """Common to all: `reference` is the channel's own number, as the report gave it."""

    reference: ShortText


class IssueResponded(FollowUp):
    """An agent answered the customer about a complaint, fault or enquiry."""

    type: ClassVar[str] = "careline.issue.responded.v1"
    agent: ShortText | None = None


class IssueResolved(FollowUp):
    type: ClassVar[str] = "careline.issue.resolved.v1"
    agent: ShortText | None = None
    cause: ShortText | None = None


class IssueReopened(FollowUp):
    type: ClassVar[str] = "careline.issue.reopened.v1"


class IssueReplied(FollowUp):
    """The customer said something more about it."""

    type: ClassVar[str] = "careline.issue.replied.v1"
    text: Annotated[LongText, Personal()] = ""


class IssueFixed(FollowUp):
    """It works again for now; the cause is not yet removed."""

    type: ClassVar[str] = "careline.issue.fixed.v1"
    agent: ShortText | None = None


class IssuePaused(FollowUp):
    """Nothing can be done until somebody else has acted."""

    type: ClassVar[str] = "careline.issue.paused.v1"
    waiting_for: Literal["customer", "third_party"] = "customer"
    agent: ShortText | None = None


class IssueResumed(FollowUp):
    """Work goes on after a pause."""

    type: ClassVar[str] = "careline.issue.resumed.v1"
    agent: ShortText | None = None


class IssueAssigned(FollowUp):
    """Somebody is to work on it: a team, an agent, or both."""

    type: ClassVar[str] = "careline.issue.assigned.v1"
    agent: ShortText | None = None
    team: ShortText | None = None


class IssuePrioritised(FollowUp):
    """An agent gave it another level than its report had."""

    type: ClassVar[str] = "careline.issue.prioritised.v1"
    level: Literal["L1", "L2", "L3"]
    agent: ShortText | None = None


class IssueClosed(FollowUp):
    """The service desk is done with it."""

    type: ClassVar[str] = "careline.issue.closed.v1"
    agent: ShortText | None = None
    cause: ShortText | None = None


class IssueRated(FollowUp):
    """How satisfied the customer is with the resolution, from 0 to 10."""

    type: ClassVar[str] = "careline.issue.rated.v1"
    score: Annotated[int, Field(ge=0, le=10)]
