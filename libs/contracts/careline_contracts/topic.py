"""What a topic is: owner, key, retention, readers, and what may be said on it."""

from dataclasses import dataclass
from typing import Literal

from careline_contracts.payload import Payload

DAY_MS = 24 * 3600 * 1000
COMPACTED_WITHIN_DAYS = 7

Personal = Literal["clear", "sealed", "pseudonymous", "none"]
"""Personal data on a topic: readable; tokens and sealed values; customer numbers only; none."""


@dataclass(frozen=True)
class Topic:
    """One Kafka topic: most are events in order of customer. `state` topics are compacted: the last
    record of a key is the present.

    On `dead-letters` lie records of other topics as they came (see `dead_letters.py`).
    """

    name: str
    owner: str
    says: tuple[type[Payload], ...]
    readers: tuple[str, ...] = ()
    key: str = "customer"
    kind: Literal["events", "state", "dead-letters"] = "events"
    partitions: int = 6
    retention_days: int = 28
    personal: Personal = "pseudonymous"
    max_message_bytes: int = 4 * 1024 * 1024
    """Larger than what comes in: tokens, sealed values and dead letters' headers take room."""

    @property
    def config(self) -> dict[str, str]:
        """Kafka's topic configuration."""
        size = {"max.message.bytes": str(self.max_message_bytes)}
        if self.kind == "state":
            return {
                "cleanup.policy": "compact",
                "min.compaction.lag.ms": str(3600 * 1000),
                # what a tombstone erased is gone by then, however quiet the topic is
                "max.compaction.lag.ms": str(COMPACTED_WITHIN_DAYS * DAY_MS),
                **size,
            }
        return {
            "cleanup.policy": "delete",
            "retention.ms": str(self.retention_days * DAY_MS),
            **size,
        }
