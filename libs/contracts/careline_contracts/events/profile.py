"""What profile says: activities of customers, and how customers come to be one."""

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from careline_contracts.events.touchpoints import Channel, IdentityKind
from careline_contracts.payload import Instant, Payload, ShortText

Apart = Literal["single_valued_conflict", "component_too_large", "shared_value", "kept_apart"]
"""Why two identities that an event links are not one customer: an identity that must be single
has two values, the customer would be too large, a value is shared by many, a person said so."""


class Move(BaseModel):
    """An identity, or a customer number, leads to `customer` from now on.

    Each name counts its moves: of two moves the higher one holds, whichever is heard first, and
    one that is heard twice changes nothing. A name that has never moved is where it was first seen.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: ShortText
    customer: ShortText
    move: PositiveInt


def is_identity(name: str) -> bool:
    """Whether a name that moves is an identity; else it is a customer's number."""
    return ":" in name


class Activity(Payload):
    """A touchpoint with its customer; keeps the CloudEvents type that the channel gave.

    `identity` is the `kind:token` under which a service keeps facts, so that a merge moves no
    row. `customer` was right when this was said; later merges and splits move identities.
    """

    type: ClassVar[str] = "careline.activity.*"
    customer: ShortText
    identity: ShortText
    channel: Channel
    body: dict[str, Any]


class CustomerCreated(Payload):
    type: ClassVar[str] = "careline.customer.created.v1"
    customer: ShortText
    version: int


class IdentityLinked(Payload):
    """An event carried a new identity together with a known one."""

    type: ClassVar[str] = "careline.identity.linked.v1"
    customer: ShortText
    version: int
    kind: IdentityKind
    identity: ShortText


class CustomersMerged(Payload):
    """Customers found to be one. The oldest number stays, the absorbed ones are its aliases.

    Said on `customer-changes` and, for the services that keep facts, on `activities`.
    """

    type: ClassVar[str] = "careline.customers.merged.v1"
    customer: ShortText
    version: int
    absorbed: tuple[ShortText, ...]
    moves: tuple[Move, ...] = ()
    """Every identity and number that leads elsewhere by this."""


class CustomerAbsorbed(Payload):
    """The same for the customer that is no more: its number leads to `into`."""

    type: ClassVar[str] = "careline.customer.absorbed.v1"
    customer: ShortText
    version: int
    into: ShortText


class CustomersSplit(Payload):
    """One customer turns out to be several. A number goes with the identity that it began with.

    Said of each part under its own number, the one that keeps the old number included, on
    `customer-changes` and `activities`: so it lies before whatever comes later of that part.
    """

    type: ClassVar[str] = "careline.customers.split.v1"
    customer: ShortText
    version: int
    parts: tuple[ShortText, ...]
    """All customers that there are now instead of the one, this one among them."""
    moves: tuple[Move, ...]
    """Every identity and number that leads elsewhere by this, of all parts."""


class LinkJudged(Payload):
    """A person decided about a link: approved (one customer), refused or cut (kept apart).

    The reason they gave stays in profile: people name people there.
    """

    type: ClassVar[str] = "careline.link.judged.v1"
    customer: ShortText
    version: int
    other: ShortText
    """The customer of the other identity, perhaps the same one."""
    link: ShortText
    verdict: Literal["approved", "refused", "cut"]
    by: ShortText


class MergeRefused(Payload):
    """An event links two customers that a rule keeps apart (REC-2); a person must decide."""

    type: ClassVar[str] = "careline.merge.refused.v1"
    customer: ShortText
    version: int
    other: ShortText
    reason: Apart
    kind: IdentityKind | None = None
    link: ShortText | None = None
    """Its name in the review queue."""


class RecordFieldsChanged(Payload):
    """Fields of the customer's record read otherwise now; the values are the record's own.

    What other services may know of them is in the `CustomerState` of the same version.
    """

    type: ClassVar[str] = "careline.record.changed.v1"
    customer: ShortText
    version: int
    fields: tuple[ShortText, ...]


ReviewCause = Literal["contract_changed", "complaint_raised"]


class RecordReviewRequested(Payload):
    """The customer's account manager is to look at the record again (REC-6), once per cause."""

    type: ClassVar[str] = "careline.record-review.requested.v1"
    customer: ShortText
    version: int
    review: ShortText
    """The key of the event that is the cause."""
    cause: ReviewCause
    reference: ShortText | None = None
    """The number of the contract or of the complaint."""
    account_manager: ShortText | None = None
    """As the record names them; None where it names nobody."""


class RecordReviewed(Payload):
    """Somebody has looked at the record, as was asked for."""

    type: ClassVar[str] = "careline.record-review.done.v1"
    customer: ShortText
    version: int
    review: ShortText
    by: ShortText


IDENTITIES = "identities"
"""Subject of a `CustomerState` without attributes that brings none of them, and takes none away."""


class CustomerState(Payload):
    """A customer as it is now, without personal data (compacted by number).

    `attributes` are the fields of the record that profile's policy shares: one value, or a list
    where a field collects values. Shipped: `party` (individual, company), `side` (b, c), `region`,
    `industry`, `source`, `language`, `time_zone`, `birthday` (`--MM-DD`), `account_manager`,
    `preferences`, `special_care`, `decision_role`.
    A merged customer's last state has `merged_into`. Most events bring an identity and no more:
    their state has the subject `identities`; whoever wants attributes alone skips it unread.
    """

    type: ClassVar[str] = "careline.customer.updated.v1"
    customer: ShortText
    version: int
    identities: dict[str, int]
    """How many identities of each kind."""
    attributes: dict[ShortText, ShortText | tuple[ShortText, ...]] = Field(default_factory=dict)
    aliases: tuple[ShortText, ...] = ()
    created_at: Instant
    merged_into: ShortText | None = None


class ErasureOrdered(Payload):
    """A person is to be forgotten: all that happened by `erased_at` under these names.

    Kept for as long as the system lives (compacted by customer): a database that is rebuilt from
    the topics, or restored from a backup, must not bring the person back. The names are tokens.
    """

    type: ClassVar[str] = "careline.erasure.ordered.v1"
    customer: ShortText
    numbers: tuple[ShortText, ...]
    """Every number that the customer ever had."""
    identities: tuple[ShortText, ...]
    erased_at: Instant


class CustomerErased(Payload):
    """The record of a customer is gone, and every service forgets these numbers and identities.

    Said on `customer-changes` and, for the services that keep facts, on `activities`. What happened
    by `erased_at` and is heard later is dropped. The numbers are never given again: a person who
    comes back is a new customer.
    """

    type: ClassVar[str] = "careline.customer.erased.v1"
    customer: ShortText
    version: int
    numbers: tuple[ShortText, ...]
    identities: tuple[ShortText, ...]
    erased_at: Instant


class ErasureAnswered(Payload):
    """What one service deleted of an erased customer: profile makes the receipt from it."""

    type: ClassVar[str] = "careline.erasure.answered.v1"
    customer: ShortText
    service: ShortText
    erased_at: Instant
    deleted: dict[ShortText, int]
    """Rows or entries, by table or cache; a store with nothing to delete is there with 0."""
    tombstones: dict[ShortText, int]
    """Records by which compacted topics forget, by topic."""


class AuditExtended(Payload):
    """The audit of protected reads has one entry more, with this hash.

    Whoever changes the audit in the database, or cuts off its end, is found out by this.
    """

    type: ClassVar[str] = "careline.audit.extended.v1"
    sequence: PositiveInt
    hash: ShortText


class AccessWithdrawn(Payload):
    """Somebody of the staff lost access: their tokens issued until then are worth nothing.

    Kept by subject; every service reads all of them before it takes a token. Who signs in anew
    afterwards has another token: that they can't is for the issuer to see to.
    """

    type: ClassVar[str] = "careline.access.withdrawn.v1"
    subject: ShortText
    withdrawn_at: Instant
