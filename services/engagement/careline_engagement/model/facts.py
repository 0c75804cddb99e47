"""What engagement has heard of a customer, under the number that it came with.

Facts commute: whichever of the topics is heard first, the same ones are there in the end.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

ALWAYS = datetime.min.replace(tzinfo=UTC)
TAG_SEPARATOR = ", "


class Fact(NamedTuple):
    """Something that a policy may call evidence. `at` is when we could know it."""

    at: datetime
    number: str
    kind: str
    event_id: str
    detail: str = ""
    """The cause or the offer, in words; of a call, its direction."""
    amount_minor: int = 0
    """Of an offer."""
    request: str = ""
    """The outreach that it answers."""
    version: int = 0
    """Of a ticket's change: which of its ticket's changes it is. Several may have one instant."""
    earlier: datetime | None = None
    """When it happened, if only a merge after that made it this customer's."""

    @property
    def happened_at(self) -> datetime:
        return self.earlier or self.at


class Alias(NamedTuple):
    """`absorbed` was found to be the same customer as `survivor`."""

    absorbed: str
    survivor: str
    since: datetime


class Parting(NamedTuple):
    """A customer turned out to be several, at an instant; `since` they had been taken for one."""

    at: datetime
    since: datetime

    def covers(self, at: datetime) -> bool:
        """Whether they were taken for one then."""
        return self.since <= at < self.at


class Ruling(NamedTuple):
    """Something that scoring said of a customer: from `at` on, `verdict` is `to`."""

    version: int
    """Of scoring's decision; counts those that changed something about a customer."""
    at: datetime
    verdict: str
    to: str
    """The several values of a tag are joined by `TAG_SEPARATOR`."""


class Record(NamedTuple):
    """What profile says of a customer from an instant on, without personal data."""

    at: datetime
    version: int
    created_at: datetime
    attributes: Mapping[str, str | Sequence[str]]

    def values(self, name: str) -> Sequence[str]:
        """The values of a field; none if it isn't known."""
        value = self.attributes.get(name, ())
        return (value,) if isinstance(value, str) else value


class Consent(NamedTuple):
    """A customer agreed or objected; `any` stands for every channel, every purpose."""

    at: datetime
    number: str
    channel: str
    purpose: str
    granted: bool
    event_id: str
    expires_at: datetime | None = None
    name: str = ""
    """The identity or the outreach that it came by: it goes where that goes."""


class Contact(NamedTuple):
    """An outreach that went out, with the case and step that asked for it."""

    at: datetime
    number: str
    case: str
    step: str
    channel: str
    purpose: str

    @property
    def request(self) -> str:
        """The name under which a channel was asked for it."""
        return f"{self.case}-{self.step}"


class Entry(NamedTuple):
    """Something happened that may begin a case of a playbook."""

    number: str
    playbook: str
    """Empty if it only looks, for all of them, whether the time has come."""
    name: str
    """With `number` and `playbook` the name of the case that it may open."""
    at: datetime
    trigger: str
    key: str
    """For a keyed playbook, what the case is about."""
    version: int
    """Of the decision of scoring that said so; 0 for anything else."""
    reasons: tuple[str, ...]
    event_id: str
    traceparent: str = ""
    identity: str = ""
    """Of the touchpoint that it is."""

    @property
    def case(self) -> str:
        """The id of the case that it may open."""
        return f"{self.number}-{self.playbook}-{self.name}"


class Absence(NamedTuple):
    """Somebody is away, as was said at `at`; what is said later of the same absence holds."""

    owner: str
    name: str
    at: datetime
    event_id: str
    begins_at: datetime
    ends_at: datetime
    deputy: str
