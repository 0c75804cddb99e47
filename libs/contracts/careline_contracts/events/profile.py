"""What profile says: activities of customers, and how customers come to be one."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from careline_contracts.events.touchpoints import Channel, IdentityKind
from careline_contracts.payload import Instant, Payload, ShortText


class Activity(Payload):
    """A touchpoint with its customer; keeps the CloudEvents type that the channel gave.

    `identity` is the `kind:token` under which a service keeps facts, so that a merge moves no
    row. `customer` was right when this was said; later `CustomersMerged` events move identities.
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


class MergeRefused(Payload):
    """An event links two customers that a rule keeps apart (REC-2); a person must decide."""

    type: ClassVar[str] = "careline.merge.refused.v1"
    customer: ShortText
    version: int
    other: ShortText
    reason: Literal["single_valued_conflict", "component_too_large"]
    kind: IdentityKind | None = None


class CustomerState(Payload):
    """A customer as it is now, without personal data (compacted by number).

    `attributes` are the fields of the record that profile's policy shares: one value, or a list
    where a field collects values. Shipped: `party` (individual, company), `side` (b, c), `region`,
    `industry`, `source`, `language`, `time_zone`, `birthday` (`--MM-DD`), `account_manager`,
    `preferences`, `special_care`, `decision_role`.
    A merged customer's last state has `merged_into`.
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
