"""What engagement says: retention cases, outreach for channels to deliver, reminders for people."""

from typing import ClassVar, Literal

from careline_contracts.payload import Instant, Payload, ShortText

CaseStatus = Literal["open", "saved", "lost", "withdrawn"]
CaseStep = Literal["supervisor", "contact", "cause", "offer"]


class OutreachRequested(Payload):
    """A channel system is asked to contact a customer; the event's id is the idempotency key."""

    type: ClassVar[str] = "careline.outreach.requested.v1"
    customer: ShortText
    case: ShortText
    purpose: ShortText
    channel: ShortText
    script: ShortText
    due_at: Instant
    policy_version: str


class CaseState(Payload):
    """A retention case as it is now (compacted by case id); keyed by case on `cases`."""

    type: ClassVar[str] = "careline.case.updated.v1"
    case: ShortText
    customer: ShortText
    version: int
    status: CaseStatus
    reasons: tuple[str, ...]
    opened_at: Instant
    steps: dict[CaseStep, dict[Literal["due_at", "done_at", "breached_at"], Instant | None]]
    closed_at: Instant | None = None
    policy_version: str


class CaseChange(Payload):
    case: ShortText
    customer: ShortText
    version: int
    as_of: Instant
    policy_version: str


class CaseOpened(CaseChange):
    type: ClassVar[str] = "careline.case.opened.v1"
    reasons: tuple[str, ...]


class CaseStepDone(CaseChange):
    type: ClassVar[str] = "careline.case-step.done.v1"
    step: CaseStep
    detail: ShortText | None = None
    """The cause that was found, or the offer that was made."""


class CaseStepBreached(CaseChange):
    type: ClassVar[str] = "careline.case-step.breached.v1"
    step: CaseStep
    due_at: Instant


class CaseClosed(CaseChange):
    type: ClassVar[str] = "careline.case.closed.v1"
    status: CaseStatus
    reason: str


class ReminderRaised(Payload):
    """A person is to look at a customer: an escalation, or a review."""

    type: ClassVar[str] = "careline.reminder.raised.v1"
    customer: ShortText
    to: Literal["supervisor", "account_manager", "on_call"]
    about: ShortText
    reason: str
    due_at: Instant | None = None
