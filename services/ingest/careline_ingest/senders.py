"""Who publishes and what they may say: a channel system by its key, a raw topic, nobody known."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from careline_contracts.events.operations import ChannelRegistered
from careline_contracts.events.touchpoints import CHANNEL_EVENTS, Channel, OutreachAnswered
from careline_contracts.payload import Payload
from careline_contracts.topics import RAW

_SAID_BY_CHANNELS: tuple[type[Payload], ...] = (*CHANNEL_EVENTS, OutreachAnswered)

TYPES: Final[Mapping[str, type[Payload]]] = {said.type: said for said in _SAID_BY_CHANNELS}
"""What channels may say."""

OPTIONAL_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    said.type: frozenset(
        name for name, field in said.model_fields.items() if not field.is_required()
    )
    for said in _SAID_BY_CHANNELS
}
"""What a sender may leave out, per type."""


class Sender(NamedTuple):
    """Where events come from. Without `types` it is bound to nothing."""

    name: str
    """In metrics and logs."""
    channel: Channel | None = None
    """The channel of an event that doesn't name one; for a bound sender, of all its events."""
    sources: tuple[str, ...] = ()
    types: frozenset[str] | None = None

    @property
    def is_bound(self) -> bool:
        """Whether it may say only what its key is good for."""
        return self.types is not None

    def may_name(self, source: str) -> bool:
        """Whether `source` is one of its sources, or lies below one."""
        return any(source == own or source.startswith(f"{own}/") for own in self.sources)


ANONYMOUS: Final = Sender("anonymous")
"""Whoever sends without a key, where that is allowed."""

RAW_TOPICS: Final[Mapping[str, Sender]] = {
    topic.name: Sender(f"kafka-{channel}", channel) for channel, topic in RAW.items()
}
"""Who may write to a raw topic is for Kafka's access control to say; its channel is known."""


def sender_of(registered: ChannelRegistered) -> Sender:
    """A channel system as its registration binds it."""
    return Sender(
        registered.name,
        registered.channel,
        registered.sources,
        frozenset(registered.event_types),
    )
