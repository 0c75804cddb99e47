"""What engagement says: cases of playbooks, outreach for channels to deliver, reminders for people.

A case is one run of a playbook for one customer; `step` is the playbook's own name for a step.
"""

from typing import ClassVar, Literal

from careline_contracts.events.scoring import Handling
from careline_contracts.events.touchpoints import MinorUnits
from careline_contracts.payload import Instant, LongText, Payload, ShortText

CaseStatus = Literal["open", "saved", "lost", "withdrawn", "reached", "ended"]
"""`saved` and `lost` are said of customers who might have left, `reached` and `ended` of others."""


class OutreachRequested(Payload):
    """A channel system is asked to contact a customer; the event's id is the idempotency key.

    After `expires_at` the message would come too late: the channel drops it and answers `failed`.
    `body` is the script with its variables filled in, in the customer's language; `$name` in it is
    for the channel, which alone knows who the customer is. It is said on the topic of all requests
    and, under the same id, on that of its channel: a system follows one of the two.
    """

    type: ClassVar[str] = "careline.outreach.requested.v1"
    customer: ShortText
    case: ShortText
    purpose: ShortText
    channel: ShortText
    script: ShortText
    due_at: Instant
    policy_version: str
    playbook: ShortText = "retention"
    step: ShortText = "outreach"
    language: ShortText | None = None
    subject: ShortText | None = None
    body: LongText | None = None
    expires_at: Instant | None = None
    handling: tuple[Handling, ...] = ()
    """Special care: `priority_lane` goes first, `person_at_once` is left to no machine."""


class CaseState(Payload):
    """A case as it is now (compacted by case id); keyed by case on `cases`."""

    type: ClassVar[str] = "careline.case.updated.v1"
    case: ShortText
    customer: ShortText
    version: int
    status: CaseStatus
    reasons: tuple[str, ...]
    opened_at: Instant
    steps: dict[str, dict[Literal["due_at", "done_at", "breached_at", "sent_at"], Instant | None]]
    closed_at: Instant | None = None
    policy_version: str
    playbook: ShortText = "retention"
    owner: ShortText | None = None
    """Who has its open work, if it asks something of the account manager."""


class CaseChange(Payload):
    """Common to all changes; versions of a case are counted from 1 without gaps."""

    case: ShortText
    customer: ShortText
    version: int
    as_of: Instant
    policy_version: str
    playbook: ShortText = "retention"


class CaseOpened(CaseChange):
    type: ClassVar[str] = "careline.case.opened.v1"
    reasons: tuple[str, ...]


class CaseStepDone(CaseChange):
    type: ClassVar[str] = "careline.case-step.done.v1"
    step: str
    detail: ShortText | None = None
    """The cause that was found, the offer that was made, or what the customer did for a reply."""


class CaseStepBreached(CaseChange):
    type: ClassVar[str] = "careline.case-step.breached.v1"
    step: str
    due_at: Instant


class OutreachHeld(CaseChange):
    """The contact budget has no room now; the outreach goes out at `until` if nothing else does."""

    type: ClassVar[str] = "careline.outreach.held.v1"
    step: str
    reason: ShortText
    until: Instant


class OutreachSuppressed(CaseChange):
    """The customer is not contacted: `reason` says why, `earliest_at` when there would be room."""

    type: ClassVar[str] = "careline.outreach.suppressed.v1"
    step: str
    reason: ShortText
    earliest_at: Instant | None = None


class OfferHeld(CaseChange):
    """An offer was made that needs a supervisor's approval, or is above what may be offered."""

    type: ClassVar[str] = "careline.offer.held.v1"
    step: str
    amount_minor: int
    reason: Literal["needs_approval", "above_limit"]


class OfferRefused(CaseChange):
    """A supervisor didn't let an offer pass; another one may be made."""

    type: ClassVar[str] = "careline.offer.refused.v1"
    step: str
    amount_minor: int


class CaseHandedOver(CaseChange):
    """The open work of a case is somebody else's now."""

    type: ClassVar[str] = "careline.case.handed-over.v1"
    from_owner: ShortText | None = None
    to_owner: ShortText | None = None
    """Nobody, if the customer has no account manager any more."""
    reason: Literal["away", "back", "reassigned"]


class CaseClosed(CaseChange):
    type: ClassVar[str] = "careline.case.closed.v1"
    status: CaseStatus
    reason: str


class CaseRevised(CaseChange):
    """What was said of the case after `since` no longer holds; what holds is said after this.

    Its customer had been taken for one with another (`split`): each has their own case again.
    """

    type: ClassVar[str] = "careline.case.revised.v1"
    since: Instant
    reason: Literal["split"]


class ReminderRaised(Payload):
    """A person is to look at a customer: an escalation, or a review."""

    type: ClassVar[str] = "careline.reminder.raised.v1"
    customer: ShortText
    to: Literal["supervisor", "account_manager", "on_call"]
    about: ShortText
    reason: str
    due_at: Instant | None = None
    owner: ShortText | None = None
    """Of those in that role the one whose customer it is."""
    script: ShortText | None = None
    language: ShortText | None = None
    body: LongText | None = None
    """What to say, in the customer's language; `$name` is for whoever reads it to fill in."""
    handling: tuple[Handling, ...] = ()
    """Special care that the customer is to be given."""


class ContactMissed(Payload):
    """Nobody contacted a customer by when the interaction calendar wanted it (CARE-2)."""

    type: ClassVar[str] = "careline.contact.missed.v1"
    customer: ShortText
    tier: ShortText | None
    as_of: Instant
    due_at: Instant
    last_contact_at: Instant | None = None
    owner: ShortText | None = None
    """The account manager, or whoever stands in."""
    policy_version: str


class FollowUpRecorded(Payload):
    """Somebody noted a contact with a customer (CARE-6). Codes and short words, no names."""

    type: ClassVar[str] = "careline.follow-up.recorded.v1"
    customer: ShortText
    contact_channel: ShortText
    result: Literal["reached", "not_reached", "call_back", "declined"]
    by: ShortText
    """Whoever noted it, as their token names them."""
    case: ShortText | None = None
    need: ShortText | None = None
    """What the customer wants, from the company's list."""
    cause: ShortText | None = None
    offer: ShortText | None = None
    offer_minor: MinorUnits | None = None
    next_contact_at: Instant | None = None
    owner: ShortText | None = None


class OfferDecided(Payload):
    """A supervisor let an offer pass, or not."""

    type: ClassVar[str] = "careline.offer.decided.v1"
    customer: ShortText
    case: ShortText
    approved: bool
    by: ShortText


class AbsenceNoted(Payload):
    """Somebody who looks after customers is away; what is said later of the same absence holds."""

    type: ClassVar[str] = "careline.absence.noted.v1"
    owner: ShortText
    absence: ShortText
    """Its name among the owner's."""
    begins_at: Instant
    ends_at: Instant
    """The first instant at which they are back; as it begins, it was called off."""
    deputy: ShortText
    by: ShortText
