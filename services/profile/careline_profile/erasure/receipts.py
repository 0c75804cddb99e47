"""The receipt of an erasure: every store and topic, what was deleted there, and when the rest goes.

Pure: what the services answered and what the catalogue says of each topic, put side by side.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import BaseModel

from careline_contracts.topic import COMPACTED_WITHIN_DAYS, Personal, Topic
from careline_contracts.topics import (
    CATALOGUE,
    ERASURES,
    WITH_DATABASE,
)
from careline_profile.erasure.store import Answered, Ordered


class StoreReceipt(BaseModel):
    """A table or cache of one service."""

    service: str
    store: str
    deleted: int
    at: datetime
    """When profile had the service's word."""


class TopicReceipt(BaseModel):
    """A topic on which something of the customer may still lie."""

    topic: str
    holds: Personal
    """`clear`: as the channel sent it; `sealed`: tokens and sealed values; `pseudonymous`: numbers
    and tokens that lead nowhere any more."""
    tombstones: int | None
    """Of a compacted topic: the keys that it forgets."""
    gone_by: datetime | None
    """None: kept, so that nothing brings the customer back."""


class Receipt(BaseModel):
    """What became of a customer who was erased."""

    customer: str
    numbers: list[str]
    erased_at: datetime
    complete: bool
    """Every service has answered."""
    waiting_for: list[str]
    stores: list[StoreReceipt]
    topics: list[TopicReceipt]


def receipt(order: Ordered, numbers: Sequence[str], answers: Sequence[Answered]) -> Receipt:
    """The receipt as far as the services have answered."""
    tombstones = {topic: count for one in answers for topic, count in one.answer.tombstones.items()}
    waiting_for = sorted(set(WITH_DATABASE) - {one.answer.service for one in answers})
    return Receipt(
        customer=order.customer,
        numbers=list(numbers),
        erased_at=order.erased_at,
        complete=not waiting_for,
        waiting_for=waiting_for,
        stores=[
            StoreReceipt(service=one.answer.service, store=name, deleted=count, at=one.at)
            for one in answers
            for name, count in one.answer.deleted.items()
        ],
        topics=[
            TopicReceipt(
                topic=topic.name,
                holds=topic.personal,
                tombstones=tombstones.get(topic.name),
                gone_by=_gone_by(topic, order.erased_at),
            )
            for topic in CATALOGUE
            if topic.personal != "none"
        ],
    )


def _gone_by(topic: Topic, erased_at: datetime) -> datetime | None:
    if topic == ERASURES:
        return None
    days = COMPACTED_WITHIN_DAYS if topic.kind == "state" else topic.retention_days
    return erased_at + timedelta(days=days)
